# Lists of this folder; see Makefile.am.
EXTRA_DIST += docs/DIALECTS.md
EXTRA_DIST += docs/ARCHITECTURE.md docs/HACKING.md docs/PERFORMANCE.md docs/STORE.md
