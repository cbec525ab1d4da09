//! Overrides defaults of the Linux desktop libraries.

use webkit2gtk::gio;

/// Keeps the program running when the session bus ends: `GLib` would end it. Holds for as long as what is returned: the
/// connection that the libraries share.
#[must_use]
pub(crate) fn stay_without_bus() -> Option<gio::DBusConnection> {
    let bus = gio::bus_get_sync(gio::BusType::Session, gio::Cancellable::NONE);
    let bus = bus.inspect_err(|error| tracing::info!(%error, "there is no session bus")).ok()?;
    bus.set_exit_on_close(false);
    Some(bus)
}
