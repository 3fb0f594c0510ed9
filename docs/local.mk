# Lists of this folder; see Makefile.am.
EXTRA_DIST += docs/DIALECTS.md
