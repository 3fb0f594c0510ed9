# Lists of this folder; see Makefile.am.
include tools/query.mk
