//! Adds libtorch's folder to the run path of every binary and test when the `torch` feature is on.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_TORCH").is_some() {
        let dir = std::env::var("LIBTORCH").expect("LIBTORCH is not set: run tools/setup first");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{dir}/lib");
    }
}
