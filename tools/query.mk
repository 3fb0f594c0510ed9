bin_PROGRAMS += tsagg-query
tsagg_query_SOURCES = tools/tsagg-query.c tools/query_local.c tools/query_local.h
