# Lists of this folder; see Makefile.am.
include tests/unit/parse.mk
