# shellcheck shell=bash
# Sourced by tests/run and tools/quickstart in the top folder of the sources: the steps from a clone to programs,
# the same in both, so that neither builds again what the other has built.
# The script that sources this has a function step NAME LOG COMMAND..., which runs the command with its output in LOG.

# Of the programs in build/.
# shellcheck disable=SC2034
build_options=(--enable-werror)

make_configure() {
	[[ configure -nt configure.ac && configure -nt Makefile.am ]] ||
		step "autoreconf" build/log.autoreconf autoreconf -fi
}

# build DIR CONFIGURE-ARGUMENTS...
build() {
	local dir=$1
	shift
	if [[ ! -e $dir/Makefile ]]; then
		mkdir -p "$dir"
		step "$dir: configure" "$dir/log.configure" env -C "$dir" ../configure --enable-silent-rules "$@" || return
	fi
	step "$dir: make" "$dir/log.make" make -C "$dir" -j"$(nproc)"
}
