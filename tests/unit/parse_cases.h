#ifndef TS_TESTS_PARSE_CASES_H
#define TS_TESTS_PARSE_CASES_H
/* Tables of lines and what they mean, for the tests of the parsers. */
#include "parse/parse.h"

/*
 * want describes what the line gives, several things joined by " ; ", nothing as "":
 *   metric  name type[+] value,… [@rate] [#key=value,flag] [Tnanoseconds]     type+ is a relative gauge
 *   point   measurement[,key=value…] key=<f|i|u|b|s>:value,… [Tnanoseconds]
 *   event   event{title}{text} priority alert_type host key source [#tags] [Tnanoseconds]     - for what is
 * not there check   check{name} status host {message} [#tags] [Tnanoseconds] error   !reason@column
 */
struct parse_case {
    const char *line, *want;
};

/** Fails the test at the first case that gives something else. */
void check_parse_cases(const struct ts_parse_opts *opts, const struct parse_case *cases, size_t n);

#endif
