"""What is handed out: `make dist` gives one file that QEMU alone boots and that is a USB stick's content, too."""

import subprocess

from conftest import ROOT


def test_compressed_image_boots(tmp_path):
    made = subprocess.run(["make", "dist"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    assert "qemu-system-x86_64" in made.stdout
    image = ROOT / "build/dist/polyglot.qcow2"
    assert image.stat().st_size < 32 << 20
    raw = tmp_path / "raw.img"
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)
    assert raw.read_bytes() == (ROOT / "build/polyglot.img").read_bytes()
    # The printed command, without a window.
    process = subprocess.run(["qemu-system-x86_64", "-m", "1G", "-drive", f"if=virtio,snapshot=on,file={image},format=qcow2",
                              "-display", "none", "-serial", "stdio"], input=b"1\x04y\rexit()\r", capture_output=True, timeout=120)
    assert b"Polyglot OS" in process.stdout
