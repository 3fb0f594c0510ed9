#ifndef TS_TESTS_UNIT_H
#define TS_TESTS_UNIT_H
/* What every unit test begins with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#endif
