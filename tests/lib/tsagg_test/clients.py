"""Client programs and libraries of others, installed or built into the cache of the tests."""
import functools
import os
import pathlib
import shutil
import subprocess
import sys

BUILD_TELEGRAF = pathlib.Path(__file__).parents[2] / "integration" / "build-telegraf"
PACKAGES = ("influxdb-client==1.50.0", "datadog==0.56.0", "statsd==4.0.1")
INSTALL_DEADLINE_S = 300


def cache_dir():
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("TSAGG_CACHE") or pathlib.Path(home) / "tsagg")


class Python:
    """A virtual environment with the client libraries from PyPI."""

    absent = "pip cannot install the client libraries here"

    @staticmethod
    @functools.cache
    def interpreter():
        """The path of its interpreter; None where it cannot be made."""
        env = cache_dir() / "clients-python"
        python, done = env / "bin" / "python", env / "installed"
        if done.exists() and done.read_text().split() == list(PACKAGES):
            return python
        try:
            shutil.rmtree(env, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", env], check=True, timeout=INSTALL_DEADLINE_S)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True, timeout=INSTALL_DEADLINE_S)
        except (OSError, subprocess.SubprocessError) as err:
            print(f"client libraries: {err}", file=sys.stderr)
            return None
        done.write_text("\n".join(PACKAGES))
        return python

    @staticmethod
    def available():
        return Python.interpreter() is not None

    @staticmethod
    def run(script, *args, deadline_s=120):
        """What the script has printed."""
        done = subprocess.run([Python.interpreter(), "-c", script, *map(str, args)], capture_output=True, text=True,
                              timeout=deadline_s)
        assert done.returncode == 0, done
        return done.stdout


class Telegraf:
    """Telegraf, built with a few plugins."""

    absent = "Telegraf cannot be built here"

    @staticmethod
    @functools.cache
    def binary():
        built = subprocess.run([BUILD_TELEGRAF], stdout=subprocess.PIPE, text=True)
        if built.returncode == 77:
            return None
        built.check_returncode()
        return built.stdout.splitlines()[-1]

    @staticmethod
    def available():
        return Telegraf.binary() is not None


class Netcat:
    absent = "nc is not installed"

    @staticmethod
    def available():
        return shutil.which("nc") is not None
