# TS_BUILD_OPTIONS: switches that change what is built.
AC_DEFUN([TS_SWITCH], [
    AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2])], [], [enable_]m4_translit([$1], [-], [_])[=no])
])

AC_DEFUN([TS_BUILD_OPTIONS], [
    TS_SWITCH([werror], [treat warnings as errors])
    TS_SWITCH([asan], [build with AddressSanitizer])
    TS_SWITCH([tsan], [build with ThreadSanitizer])
    TS_SWITCH([ubsan], [build with UndefinedBehaviorSanitizer])
    TS_SWITCH([coverage], [build for gcov])
    TS_SWITCH([fuzz], [build libFuzzer targets (CC=clang)])
    TS_SWITCH([hostile], [tiny limits and an allocator that can be told to fail: for tests])
    AS_IF([test "x$enable_hostile" = xyes],
        [AC_DEFINE([TS_HOSTILE], [1], [Define for tiny limits and a failing allocator])])
    AM_CONDITIONAL([ENABLE_FUZZ], [test "x$enable_fuzz" = xyes])
])
