"""Takes what linking against libtorch needs out of the wheels in DEST/wheels, and puts it into DEST."""

import glob
import os
import re
import shutil
import sys
import zipfile

# (wheel name prefix, member to take, where it goes)
RULES = [
    ("torch-", r"torch/lib/(libc10\.so|libtorch_cpu\.so|libgomp\.so\.1)$", r"lib/\1"),
    ("torch-", r"torch/(include/.*\.(?:h|hpp|cuh|inl))$", r"\1"),
    ("torch-", r"torch-[^/]*/(licenses/.*[^/])$", r"\1"),
    ("nvidia_cuda_runtime-", r"nvidia/cu13/lib/(libcudart\.so\.13)$", r"lib/\1"),
    ("nvidia_cuda_cupti-", r"nvidia/cu13/lib/(libcupti\.so\.13)$", r"lib/\1"),
]
NEEDED = ["libc10.so", "libtorch_cpu.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"]


def target(wheel, member):
    """The path below DEST where `member` goes, or None when it is not wanted."""
    for prefix, pattern, to in RULES:
        match = wheel.startswith(prefix) and re.match(pattern, member)
        if match:
            return match.expand(to)
    return None


def main(dest):
    for path in glob.glob(os.path.join(dest, "wheels", "*.whl")):
        with zipfile.ZipFile(path) as wheel:
            for member in wheel.namelist():
                to = target(os.path.basename(path), member)
                if to is None:
                    continue
                out = os.path.join(dest, to)
                os.makedirs(os.path.dirname(out), exist_ok=True)
                with wheel.open(member) as source, open(out, "wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
    missing = [name for name in NEEDED if not os.path.exists(os.path.join(dest, "lib", name))]
    if missing:
        sys.exit(f"setup: the wheels lack {', '.join(missing)}")
    # torch-sys links with -ltorch; the library's own name resolves to libtorch_cpu.so.
    os.symlink("libtorch_cpu.so", os.path.join(dest, "lib", "libtorch.so"))


main(sys.argv[1])
