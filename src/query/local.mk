# A query's way: HTTP, annotated CSV, a format.
libtsagg_a_SOURCES += \
	src/query/query.c src/query/query.h \
	src/query/query_curl.c src/query/query_curl.h \
	src/query/query_decode.c src/query/query_decode.h \
	src/query/query_format.c src/query/query_format.h \
	src/query/query_format_annotated.c \
	src/query/query_format_chart.c \
	src/query/query_format_csv.c \
	src/query/query_format_json.c \
	src/query/query_format_table.c \
	src/query/query_http.c src/query/query_http.h \
	src/query/query_target.c src/query/query_target.h \
	src/query/query_text.c src/query/query_text.h
