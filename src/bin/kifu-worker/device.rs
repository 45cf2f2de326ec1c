//! libtorch's threads and device, chosen and examined before the first job.

use kifu::learn::{LearnError, canary};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::{Cuda, Device};

use super::args::{Args, DeviceArg};

/// Names libtorch_cuda.so, and asks for a GPU.
const CUDA_LIBRARY: &str = "TCH_CUDA_LIB";

/// Why there is no device.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// libtorch's CUDA part could not be loaded.
    #[error(
        "cannot load {library} for --device cuda: {reason}; set {CUDA_LIBRARY} to the libtorch_cuda.so of libtorch 2.11"
    )]
    Library {
        /// What was to be loaded.
        library: String,
        /// What the loader said.
        reason: String,
    },
    /// It was loaded, and finds no GPU.
    #[error("libtorch finds no usable CUDA device: check the NVIDIA driver, or use --device cpu")]
    NoGpu,
    /// It is there and computes nonsense.
    #[error("{0}; no job is accepted on it: check the hardware and the driver, or use --device cpu")]
    Unhealthy(LearnError),
}

impl DeviceError {
    /// The exit code: 6 for a device that is there and failed its check, 1 for one that is not there.
    pub fn exit_code(&self) -> u8 {
        match self {
            DeviceError::Unhealthy(_) => 6,
            DeviceError::Library { .. } | DeviceError::NoGpu => 1,
        }
    }
}

/// Sets the threads and gives the device, which has passed [`canary::examine`]. A GPU that was asked for and is not there or not
/// healthy is an error, never the CPU; with `auto` the CPU takes its place.
pub fn prepare(args: &Args) -> Result<Device, DeviceError> {
    // Before any call that asks libtorch about CUDA: it remembers the answer.
    let device = choose(args.device, find_gpu, |device| {
        tch::set_num_threads(i32::from(args.threads));
        canary::examine(device)
    })?;
    tracing::info!(device = name(device), "the device passed its check");
    Ok(device)
}

/// The name of a device in logs and in the worker's hello.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// The device that is wanted, if `find` finds it and `examine` says nothing against it.
fn choose(
    wanted: DeviceArg,
    find: impl FnOnce() -> Result<Device, DeviceError>,
    examine: impl Fn(Device) -> Result<(), LearnError>,
) -> Result<Device, DeviceError> {
    let gpu = match wanted {
        DeviceArg::Cpu => None,
        DeviceArg::Cuda => Some(find()?),
        DeviceArg::Auto => find().inspect_err(|error| tracing::info!("the CPU is used: {error}")).ok(),
    };
    if let Some(gpu) = gpu {
        match examine(gpu) {
            Ok(()) => return Ok(gpu),
            Err(error) if wanted == DeviceArg::Cuda => return Err(DeviceError::Unhealthy(error)),
            Err(error) => tracing::warn!("the CPU is used: {error}"),
        }
    }
    examine(Device::Cpu).map_err(DeviceError::Unhealthy)?;
    Ok(Device::Cpu)
}

/// The first GPU, once libtorch's part for it is loaded.
fn find_gpu() -> Result<Device, DeviceError> {
    load(&std::env::var(CUDA_LIBRARY).unwrap_or_else(|_| "libtorch_cuda.so".to_owned()))?;
    if Cuda::is_available() { Ok(Device::Cuda(0)) } else { Err(DeviceError::NoGpu) }
}

/// Loads a library for the rest of the process.
fn load(library: &str) -> Result<(), DeviceError> {
    #[expect(unsafe_code, reason = "dlopen runs the library's initialisers; this is libtorch's own plug-in for CUDA")]
    let loaded = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL) };
    match loaded {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(DeviceError::Library { library: library.to_owned(), reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPU: Device = Device::Cuda(0);

    /// What is chosen where there is a GPU or none, and where it is healthy or not; the exit code where nothing is.
    fn chosen(wanted: DeviceArg, there: bool, healthy: bool) -> Result<Device, u8> {
        let find = || if there { Ok(GPU) } else { Err(DeviceError::NoGpu) };
        let examine = |device| match device {
            Device::Cuda(_) if !healthy => {
                Err(LearnError::Device { device: name(device), what: "it computes nonsense".to_owned() })
            }
            _ => Ok(()),
        };
        choose(wanted, find, examine).map_err(|error| error.exit_code())
    }

    #[test]
    fn a_gpu_is_used_when_it_is_there_and_healthy() {
        use DeviceArg::{Auto, Cpu, Cuda};
        for (wanted, there, healthy, expected) in [
            (Auto, true, true, Ok(GPU)),
            (Auto, true, false, Ok(Device::Cpu)),
            (Auto, false, true, Ok(Device::Cpu)),
            (Cuda, true, true, Ok(GPU)),
            (Cuda, true, false, Err(6)),
            (Cuda, false, true, Err(1)),
            (Cpu, true, true, Ok(Device::Cpu)),
        ] {
            assert_eq!(chosen(wanted, there, healthy), expected, "{wanted:?}, there {there}, healthy {healthy}");
        }
    }

    #[test]
    fn a_processor_that_fails_accepts_no_work() {
        let nonsense = |_| Err(LearnError::Device { device: "cpu".to_owned(), what: "NaN".to_owned() });
        let error = choose(DeviceArg::Cpu, || Err(DeviceError::NoGpu), nonsense).expect_err("nothing is left");
        let message = error.to_string();
        assert!(message.contains("the device cpu failed its check: NaN; no job is accepted"), "{message}");
        assert_eq!(error.exit_code(), 6);
    }
}
