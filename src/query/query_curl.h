#ifndef TS_QUERY_CURL_H
#define TS_QUERY_CURL_H
/*
 * libcurl, loaded when a server is to be asked: its forty libraries take 9 ms to load, twice as long as a small query of the embedded
 * store. Its functions are called by this table.
 */
#define CURL_DISABLE_TYPECHECK /* macros that would call the functions themselves */
#include <curl/curl.h>

#define TS_QUERY_CURL_FUNCTIONS(F)                                                                                             \
    F(curl_easy_cleanup)                                                                                                       \
    F(curl_easy_escape)                                                                                                        \
    F(curl_easy_getinfo)                                                                                                       \
    F(curl_easy_init)                                                                                                          \
    F(curl_easy_setopt)                                                                                                        \
    F(curl_easy_strerror)                                                                                                      \
    F(curl_free)                                                                                                               \
    F(curl_global_cleanup)                                                                                                     \
    F(curl_global_init)                                                                                                        \
    F(curl_multi_add_handle)                                                                                                   \
    F(curl_multi_cleanup)                                                                                                      \
    F(curl_multi_info_read)                                                                                                    \
    F(curl_multi_init)                                                                                                         \
    F(curl_multi_perform)                                                                                                      \
    F(curl_multi_poll)                                                                                                         \
    F(curl_multi_remove_handle)                                                                                                \
    F(curl_slist_append)                                                                                                       \
    F(curl_slist_free_all)

struct ts_query_curl {
#define TS_QUERY_CURL_MEMBER(name) __typeof__(name) *name;
    TS_QUERY_CURL_FUNCTIONS(TS_QUERY_CURL_MEMBER)
#undef TS_QUERY_CURL_MEMBER
};

/** NULL when the library is not there; *why says what is missing, until the next call. It stays loaded. @thread main */
const struct ts_query_curl *ts_query_curl_load(const char **why);

#endif
