//! libtorch's threads and device, chosen before the first operation.

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
}

/// Sets the threads and gives the device. A GPU that was asked for and is not there is an error, never the CPU.
pub fn prepare(args: &Args) -> Result<Device, DeviceError> {
    let library = std::env::var(CUDA_LIBRARY).ok();
    if args.device == DeviceArg::Cpu && library.is_none() {
        tch::set_num_threads(i32::from(args.threads));
        return Ok(Device::Cpu);
    }
    // Before any call that asks libtorch about CUDA: it remembers the answer.
    load(&library.unwrap_or_else(|| "libtorch_cuda.so".to_owned()))?;
    tch::set_num_threads(i32::from(args.threads));
    if args.device == DeviceArg::Cpu {
        return Ok(Device::Cpu);
    }
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
