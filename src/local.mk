sbin_PROGRAMS += tsaggd
tsaggd_SOURCES = src/tsaggd.c
