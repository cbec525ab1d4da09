//! Gateways.

use crate::{
    app::App,
    audit::Subject,
    auth::{Secret, hash_secret},
    protocol::Id,
    store::gateways::{self, NewGateway},
    text::GatewayName,
};

use super::{AdminError, Response, given, place::Place};

pub(super) async fn create(
    app: &App,
    wanted: Option<Id>,
    name: &str,
    callback_url: Option<String>,
) -> Result<Response, AdminError> {
    let name = String::from(given("--name", GatewayName::read(name))?);
    if let Some(url) = &callback_url {
        check_url(url)?;
    }
    let key = format!("fdgk_{}", Secret::generate().reveal());
    let signing_secret = format!("fdgs_{}", Secret::generate().reveal());
    let mut new = NewGateway {
        property_id: 0,
        name: name.clone(),
        key_hash: hash_secret(&key),
        signing_secret: signing_secret.clone(),
        callback_url,
    };
    let now = app.clock.now();
    let zone = app.config.time_zone.clone();
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let mut place = Place::known_or_first(writer, wanted, &zone, now).await?;
                new.property_id = place.property_id;
                match gateways::create(writer, &new, now).await {
                    Ok(id) => {
                        place.did("created", Subject::Gateway(id));
                        Ok(place.written(id))
                    }
                    Err(error) if error.is_unique_violation("gateway.name") => {
                        Err(AdminError::failed(format!(
                            "a gateway named {:?} already exists; choose another name",
                            new.name
                        )))
                    }
                    Err(error) => Err(error.into()),
                }
            })
        })
        .await?;
    Ok(Response::Gateway { id, name, key, signing_secret })
}

fn check_url(url: &str) -> Result<(), AdminError> {
    let fits = reqwest::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if fits {
        return Ok(());
    }
    Err(AdminError::usage(format!(
        "replies cannot be sent to {url:?}; specify a URL such as https://host/path"
    )))
}
