# Lists of this folder; see Makefile.am.
EXTRA_DIST += docs/DIALECTS.md docs/FLUX.md
EXTRA_DIST += docs/ARCHITECTURE.md docs/HACKING.md docs/PERFORMANCE.md
