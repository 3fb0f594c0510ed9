# TS_CC_FLAG(FLAG, VARIABLE): appends FLAG to VARIABLE when the compiler takes it.
AC_DEFUN([TS_CC_FLAG], [
    AS_VAR_PUSHDEF([cache], [ts_cv_cc_flag_$1])
    AC_CACHE_CHECK([whether $CC accepts $1], [cache], [
        ts_save_CFLAGS=$CFLAGS
        CFLAGS="$CFLAGS -Werror $1"
        AC_COMPILE_IFELSE([AC_LANG_PROGRAM()], [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
        CFLAGS=$ts_save_CFLAGS
    ])
    AS_VAR_IF([cache], [yes], [$2="$$2 $1"])
    AS_VAR_POPDEF([cache])
])

AC_DEFUN([TS_WARNINGS], [
    TS_CFLAGS="-std=gnu11"
    m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
        -Wpointer-arith -Wcast-align -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wconversion -Wno-sign-conversion
        -Wimplicit-fallthrough -fno-strict-aliasing -fstack-protector-strong],
        [TS_CC_FLAG(flag, [TS_CFLAGS])])
    AS_IF([test "x$enable_werror" = xyes], [TS_CFLAGS="$TS_CFLAGS -Werror"])
    AC_SUBST([TS_CFLAGS])
])

AC_DEFUN([TS_SANITIZERS], [
    TS_LDFLAGS=
    AS_IF([test "x$enable_asan" = xyes && test "x$enable_tsan" = xyes],
        [AC_MSG_ERROR([AddressSanitizer and ThreadSanitizer exclude each other])])
    AS_IF([test "x$enable_asan" = xyes],
        [TS_CFLAGS="$TS_CFLAGS -fsanitize=address -fno-omit-frame-pointer"
         TS_LDFLAGS="$TS_LDFLAGS -fsanitize=address"])
    AS_IF([test "x$enable_ubsan" = xyes],
        [TS_CFLAGS="$TS_CFLAGS -fsanitize=undefined -fno-sanitize-recover=undefined"
         TS_LDFLAGS="$TS_LDFLAGS -fsanitize=undefined"])
    AS_IF([test "x$enable_tsan" = xyes],
        [TS_CFLAGS="$TS_CFLAGS -fsanitize=thread -Wno-tsan"
         TS_LDFLAGS="$TS_LDFLAGS -fsanitize=thread"])
    AS_IF([test "x$enable_coverage" = xyes],
        [TS_CFLAGS="$TS_CFLAGS --coverage"
         TS_LDFLAGS="$TS_LDFLAGS --coverage"])
    AS_IF([test "x$enable_fuzz" = xyes],
        [TS_CFLAGS="$TS_CFLAGS -fsanitize=fuzzer-no-link"])
    AC_SUBST([TS_LDFLAGS])
    AM_CONDITIONAL([ENABLE_TSAN], [test "x$enable_tsan" = xyes])
])
