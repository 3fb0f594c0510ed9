"""Client programs and libraries of others, installed or built into the cache of the tests."""
import functools
import os
import pathlib
import shutil
import subprocess
import sys

INTEGRATION = pathlib.Path(__file__).parents[2] / "integration"
BUILD_TELEGRAF = INTEGRATION / "build-telegraf"
BUILD_CLIENT_GO = INTEGRATION / "build-client-go"
PACKAGES = ("influxdb-client==1.50.0", "datadog==0.56.0", "statsd==4.0.1")
NODE_PACKAGES = ("@influxdata/influxdb-client@1.35.0", "@influxdata/influxdb-client-apis@1.35.0")
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


class Node:
    """The client libraries from npm."""

    absent = "npm cannot install the client libraries here"

    @staticmethod
    @functools.cache
    def directory():
        """Where node finds them; None where they cannot be installed."""
        where = cache_dir() / "clients-node"
        done = where / "installed"
        if done.exists() and done.read_text().split() == list(NODE_PACKAGES):
            return where
        try:
            shutil.rmtree(where, ignore_errors=True)
            where.mkdir(parents=True)
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", where, *NODE_PACKAGES], check=True,
                           timeout=INSTALL_DEADLINE_S)
        except (OSError, subprocess.SubprocessError) as err:
            print(f"client libraries: {err}", file=sys.stderr)
            return None
        done.write_text("\n".join(NODE_PACKAGES))
        return where

    @staticmethod
    def available():
        return Node.directory() is not None

    @staticmethod
    def run(script, *args, deadline_s=120):
        """What the script has printed."""
        done = subprocess.run(["node", "-e", script, "--", *map(str, args)], cwd=Node.directory(), capture_output=True, text=True,
                              timeout=deadline_s)
        assert done.returncode == 0, done
        return done.stdout


def built_by(script):
    """The path of a binary; None where it cannot be built."""
    built = subprocess.run([script], stdout=subprocess.PIPE, text=True)
    if built.returncode == 77:
        return None
    built.check_returncode()
    return built.stdout.splitlines()[-1]


class Go:
    """A program on influxdb-client-go."""

    absent = "a client in Go cannot be built here"

    @staticmethod
    @functools.cache
    def binary():
        return built_by(BUILD_CLIENT_GO)

    @staticmethod
    def available():
        return Go.binary() is not None

    @staticmethod
    def run(*args, stdin="", deadline_s=120):
        """What it has printed."""
        done = subprocess.run([Go.binary(), *map(str, args)], input=stdin, capture_output=True, text=True, timeout=deadline_s)
        assert done.returncode == 0, done
        return done.stdout


class Telegraf:
    """Telegraf, built with a few plugins."""

    absent = "Telegraf cannot be built here"

    @staticmethod
    @functools.cache
    def binary():
        return built_by(BUILD_TELEGRAF)

    @staticmethod
    def available():
        return Telegraf.binary() is not None


class Netcat:
    absent = "nc is not installed"

    @staticmethod
    def available():
        return shutil.which("nc") is not None
