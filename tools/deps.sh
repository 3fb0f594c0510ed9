#!/bin/bash
# Installs the Debian packages that tsagg is built with, those that are missing.
# --tests adds what only the tests need. Does nothing when nothing is missing.
set -euo pipefail

packages=(build-essential autoconf automake libtool pkg-config libck-dev libcurl4-openssl-dev
	libmicrohttpd-dev libgnutls28-dev libyaml-dev libjansson-dev libsqlite3-dev libxxhash-dev libdeflate-dev libpcre2-dev zlib1g-dev
	libcmocka-dev libsystemd-dev python3 tzdata)
test_packages=(clang libclang-rt-14-dev influxdb iproute2 netcat-openbsd openssl python3-venv)

case ${1-} in
"") ;;
--tests) packages+=("${test_packages[@]}") ;;
*)
	echo "usage: tools/deps.sh [--tests]" >&2
	exit 2
	;;
esac

if ! command -v apt-get >/dev/null; then
	echo "deps.sh: this is not Debian; install what stands for: ${packages[*]}" >&2
	exit 1
fi

mapfile -t missing < <(comm -23 <(printf '%s\n' "${packages[@]}" | sort) \
	<(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
		sed -n 's/^installed //p' | sort -u))
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
	if ! command -v sudo >/dev/null; then
		echo "deps.sh: run as root, or install sudo; missing: ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi

echo "deps.sh: installing ${missing[*]}" >&2
apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >&2
}

# The tests start InfluxDB 1 themselves, on ports of their own: the package must
# not start it on the usual one, neither now nor when the machine boots.
policy=/usr/sbin/policy-rc.d
influxdb_is_new=
if [[ " ${missing[*]} " == *" influxdb "* ]]; then
	influxdb_is_new=yes
	if [[ ! -e $policy ]]; then
		trap '"${as_root[@]}" rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
		"${as_root[@]}" chmod 755 "$policy"
	fi
fi

# Package lists may be missing or too old.
apt install --no-install-recommends "${missing[@]}" || {
	apt update
	apt install --no-install-recommends "${missing[@]}"
}
if [[ $influxdb_is_new ]]; then
	"${as_root[@]}" update-rc.d influxdb disable >&2
fi
