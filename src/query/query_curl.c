/* libcurl at run time. Thread: main. */
#include "config.h"
#include "query/query_curl.h"

#include "core/base.h"

#include <dlfcn.h>

#define LIBRARY "libcurl.so.4" /* of all releases since 2006 */

static const char *const names[] = {
#define NAME(name) #name,
    TS_QUERY_CURL_FUNCTIONS(NAME)
#undef NAME
};

const struct ts_query_curl *ts_query_curl_load(const char **why)
{
    static union {
        struct ts_query_curl curl;
        void *functions[TS_ARRAY_SIZE(names)];
    } lib;
    static void *handle;
    _Static_assert(sizeof lib.curl == sizeof lib.functions, "a pointer for each name");
    if (!handle)
        handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool ok = handle != NULL;
    for (size_t i = 0; ok && i < TS_ARRAY_SIZE(names); i++)
        ok = (lib.functions[i] = dlsym(handle, names[i])) != NULL;
    if (!ok)
        *why = dlerror();
    return ok ? &lib.curl : NULL;
}
