# Lists of this folder; see Makefile.am.
EXTRA_DIST += docs/DIALECTS.md docs/FLUX.md docs/SKETCHES.md
EXTRA_DIST += docs/ARCHITECTURE.md docs/AUTH.md docs/HACKING.md docs/PERFORMANCE.md docs/PIPELINE.md docs/RELIABILITY.md docs/STORE.md
