# Lists of this folder; see Makefile.am.
include man/conf.mk
