//! Plays the sounds that Frontdesk ships. The device is opened for each sound and closed after it: nothing is held
//! open while nothing sounds, and a headset that was plugged in meanwhile is used.

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rodio::{DeviceSinkBuilder, MixerDeviceSink, Player, buffer::SamplesBuffer};
use tokio::sync::oneshot;

use crate::attention::Sound;

/// A device that does not open within this time does not open at all.
const OPENS_WITHIN: Duration = Duration::from_secs(5);

/// The header that `ui/scripts/make-sounds.mjs` writes.
const HEADER_BYTES: usize = 44;

/// Samples per second that it writes, of one channel and 16 bits.
const RATE: NonZero<u32> = NonZero::new(16_000).unwrap();

/// The computer's default sound device.
#[derive(Debug, Default)]
pub(crate) struct Speaker {
    is_busy: Arc<AtomicBool>,
}

impl Speaker {
    /// Starts a sound. While another one still sounds, that one is enough.
    ///
    /// # Errors
    /// Why there is no sound, in the system's words.
    pub(crate) async fn play(&self, sound: Sound) -> Result<(), String> {
        let Some(file) = file(sound) else { return Ok(()) };
        if self.is_busy.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let (opened, opening) = oneshot::channel();
        let busy = Busy(Arc::clone(&self.is_busy));
        // A thread of its own: the library's device cannot be moved between threads on every system.
        let spawned = std::thread::Builder::new()
            .name("sound".to_owned())
            .spawn(move || play(file, opened, busy));
        if let Err(error) = spawned {
            return Err(error.to_string());
        }
        match tokio::time::timeout(OPENS_WITHIN, opening).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("the sound library failed".to_owned()),
            Err(_elapsed) => Err("the sound device does not answer".to_owned()),
        }
    }
}

/// Another sound may be played when this is dropped, also by a panic of the library.
struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn play(file: &[u8], opened: oneshot::Sender<Result<(), String>>, _busy: Busy) {
    match DeviceSinkBuilder::open_default_sink() {
        Ok(mut device) => {
            device.log_on_drop(false);
            let _ = opened.send(Ok(()));
            sound_out(&device, samples(file));
        }
        Err(error) => {
            let _ = opened.send(Err(error.to_string()));
        }
    }
}

fn sound_out(device: &MixerDeviceSink, samples: Vec<f32>) {
    let player = Player::connect_new(device.mixer());
    player.append(SamplesBuffer::new(NonZero::<u16>::MIN, RATE, samples));
    player.sleep_until_end();
}

/// The file of a sound.
fn file(sound: Sound) -> Option<&'static [u8]> {
    match sound {
        Sound::Bell => Some(include_bytes!("../../ui/public/sounds/bell.wav")),
        Sound::Chime => Some(include_bytes!("../../ui/public/sounds/chime.wav")),
        Sound::Marimba => Some(include_bytes!("../../ui/public/sounds/marimba.wav")),
        Sound::None => None,
    }
}

/// Samples between -1 and 1.
fn samples(file: &[u8]) -> Vec<f32> {
    let (pairs, _) = file.get(HEADER_BYTES..).unwrap_or_default().as_chunks::<2>();
    pairs.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / f32::from(i16::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sound_is_a_short_file_of_the_form_that_is_read_here() {
        for sound in [Sound::Bell, Sound::Chime, Sound::Marimba] {
            let file = file(sound).unwrap();
            assert!(file.len() <= 50 * 1024, "{sound:?} has {} bytes", file.len());
            assert_eq!((&file[..4], &file[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
            // PCM, one channel, the rate, 16 bits.
            assert_eq!(file[20..24], [1, 0, 1, 0]);
            assert_eq!(file[24..28], RATE.get().to_le_bytes());
            assert_eq!(file[34..40], [16, 0, b'd', b'a', b't', b'a']);
            let samples = samples(file);
            let loudest = samples.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
            assert!((0.5..1.0).contains(&loudest), "{sound:?}: {loudest}");
            // It neither starts nor ends with a click.
            assert!(samples[0].abs() < 0.01 && samples[samples.len() - 1].abs() < 0.01);
        }
    }
}
