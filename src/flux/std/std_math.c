/* Package math: the C library's functions under Go's names. */
#include "config.h"
#include "flux/std/std.h"

#include <float.h>
#include <math.h>

#define CONSTANT(name, expr)                                                                                 \
    static int name(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)     \
    {                                                                                                        \
        (void)run;                                                                                           \
        (void)args;                                                                                          \
        *out = expr;                                                                                         \
        return 0;                                                                                            \
    }
#define FUNCTION(name, expr) CONSTANT(f_##name, expr)
#define X                    args->v[0].f
#define Y                    args->v[1].f
#define FLOAT1(name, call)   FUNCTION(name, ts_flux_float(call(X)))
#define FLOAT2(name, call)   FUNCTION(name, ts_flux_float(call(X, Y)))

CONSTANT(c_pi, ts_flux_float(3.14159265358979323846264338327950288))
CONSTANT(c_e, ts_flux_float(2.71828182845904523536028747135266250))
CONSTANT(c_phi, ts_flux_float(1.61803398874989484820458683436563812))
CONSTANT(c_sqrt2, ts_flux_float(1.41421356237309504880168872420969808))
CONSTANT(c_sqrte, ts_flux_float(1.64872127070012814684865078781416357))
CONSTANT(c_sqrtpi, ts_flux_float(1.77245385090551602729816748334114518))
CONSTANT(c_sqrtphi, ts_flux_float(1.27201964951406896425242246173749149))
CONSTANT(c_ln2, ts_flux_float(0.693147180559945309417232121458176568))
CONSTANT(c_log2e, ts_flux_float(1 / 0.693147180559945309417232121458176568))
CONSTANT(c_ln10, ts_flux_float(2.30258509299404568401799145468436421))
CONSTANT(c_log10e, ts_flux_float(1 / 2.30258509299404568401799145468436421))
CONSTANT(c_maxfloat, ts_flux_float(DBL_MAX))
CONSTANT(c_smallest, ts_flux_float(0x1p-1074))
CONSTANT(c_maxint, ts_flux_int(INT64_MAX))
CONSTANT(c_minint, ts_flux_int(INT64_MIN))
CONSTANT(c_maxuint, ts_flux_uint(UINT64_MAX))

static double dim(double x, double y)
{
    double d = x - y;
    return d <= 0 ? 0 : d;
}

/* A NaN wins, as in Go; C's fmax would pass it over. */
static double larger(double x, double y)
{
    return isinf(x) > 0 || isinf(y) > 0 ? INFINITY
           : isnan(x) || isnan(y)       ? NAN
           : x == 0 && y == 0           ? (signbit(x) ? y : x)
           : x > y                      ? x
                                        : y;
}

static double smaller(double x, double y)
{
    return isinf(x) < 0 || isinf(y) < 0 ? -INFINITY
           : isnan(x) || isnan(y)       ? NAN
           : x == 0 && y == 0           ? (signbit(x) ? x : y)
           : x < y                      ? x
                                        : y;
}

/* The inverse of erf: Giles' approximation (2010), and Newton's steps on it. */
static double erf_inverse(double x)
{
    if (isnan(x) || x < -1 || x > 1)
        return NAN;
    if (x == 1 || x == -1)
        return x * INFINITY;
    double w = -log((1 - x) * (1 + x)), p;
    if (w < 5) {
        static const double c[] = {2.81022636e-08,  3.43273939e-07, -3.5233877e-06,
                                   -4.39150654e-06, 0.00021858087,  -0.00125372503,
                                   -0.00417768164,  0.246640727,    1.50140941};
        w -= 2.5;
        p = c[0];
        for (unsigned i = 1; i < TS_ARRAY_SIZE(c); i++)
            p = c[i] + p * w;
    } else {
        static const double c[] = {-0.000200214257, 0.000100950558, 0.00134934322,
                                   -0.00367342844,  0.00573950773,  -0.0076224613,
                                   0.00943887047,   1.00167406,     2.83297682};
        w = sqrt(w) - 3;
        p = c[0];
        for (unsigned i = 1; i < TS_ARRAY_SIZE(c); i++)
            p = c[i] + p * w;
    }
    double y = p * x;
    for (int i = 0; i < 3 && isfinite(y); i++) {
        double error = fabs(x) < 0.5 ? erf(y) - x : x > 0 ? (1 - x) - erfc(y) : erfc(-y) - (1 + x);
        double step = error / (2 / sqrt(3.14159265358979323846) * exp(-y * y));
        y -= isfinite(step) ? step / (1 + y * step) : 0;
    }
    return y;
}

static double erfc_inverse(double x)
{
    return erf_inverse(1 - x);
}

static double power10(int64_t n)
{
    return n < -323 ? 0 : n > 308 ? INFINITY : pow(10, (double)n);
}

static int64_t ilogb_of(double x)
{
    return x == 0 ? INT32_MIN : isnan(x) || isinf(x) ? INT32_MAX : ilogb(x);
}

FLOAT1(abs, fabs)
FLOAT1(acos, acos)
FLOAT1(acosh, acosh)
FLOAT1(asin, asin)
FLOAT1(asinh, asinh)
FLOAT1(atan, atan)
FLOAT2(atan2, atan2)
FLOAT1(atanh, atanh)
FLOAT1(cbrt, cbrt)
FLOAT1(ceil, ceil)
FLOAT2(copysign, copysign)
FLOAT1(cos, cos)
FLOAT1(cosh, cosh)
FLOAT2(dim, dim)
FLOAT1(erf, erf)
FLOAT1(erfc, erfc)
FLOAT1(erfcinv, erfc_inverse)
FLOAT1(erfinv, erf_inverse)
FLOAT1(exp, exp)
FLOAT1(exp2, exp2)
FLOAT1(expm1, expm1)
FUNCTION(bits, ts_flux_uint(args->v[0].u))
FUNCTION(frombits, ((struct ts_flux_value){.type = TS_FLUX_FLOAT, .u = args->v[0].u}))
FLOAT1(floor, floor)
FLOAT1(gamma, tgamma)
FLOAT2(hypot, hypot)
FUNCTION(ilogb, ts_flux_int(ilogb_of(X)))
FUNCTION(m_inf, ts_flux_float(args->v[0].i >= 0 ? INFINITY : -INFINITY))
FUNCTION(is_inf, ts_flux_bool((args->v[1].i >= 0 && X == INFINITY) || (args->v[1].i <= 0 && X == -INFINITY)))
FUNCTION(is_nan, ts_flux_bool(isnan(X)))
FLOAT1(j0, j0)
FLOAT1(j1, j1)
FUNCTION(jn, ts_flux_float(jn((int)args->v[0].i, Y)))
FUNCTION(ldexp, ts_flux_float(ldexp(X, (int)TS_MAX(TS_MIN(args->v[1].i, INT64_C(5000)), INT64_C(-5000)))))
FLOAT1(log, log)
FLOAT1(log10, log10)
FLOAT1(log1p, log1p)
FLOAT1(log2, log2)
FLOAT1(logb, logb)
FLOAT2(max, larger)
FLOAT2(min, smaller)
FLOAT2(mod, fmod)
FUNCTION(nan, ts_flux_float(NAN))
FLOAT2(nextafter, nextafter)
FLOAT2(pow, pow)
FUNCTION(pow10, ts_flux_float(power10(args->v[0].i)))
FLOAT2(remainder, remainder)
FLOAT1(round, round)
FLOAT1(roundtoeven, nearbyint)
FUNCTION(signbit, ts_flux_bool(signbit(X)))
FLOAT1(sin, sin)
FLOAT1(sinh, sinh)
FLOAT1(sqrt, sqrt)
FLOAT1(tan, tan)
FLOAT1(tanh, tanh)
FLOAT1(trunc, trunc)
FLOAT1(y0, y0)
FLOAT1(y1, y1)
FUNCTION(yn, ts_flux_float(yn((int)args->v[0].i, Y)))

/* A record of two. */
static int two(struct ts_flux_run *run, const char *a, struct ts_flux_value av, const char *b,
               struct ts_flux_value bv, struct ts_flux_value *out)
{
    const struct ts_flux_shape *shape;
    struct ts_flux_value *v;
    int rc = ts_flux_make_shape(run, 2, (struct ts_str[]){ts_str_of(a), ts_str_of(b)}, &shape);
    rc = rc ? rc : ts_flux_make_record(run, shape, &v, out);
    if (rc == 0) {
        v[0] = av;
        v[1] = bv;
    }
    return rc;
}

static int f_frexp(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    int exp = 0;
    double frac = frexp(X, &exp);
    return two(run, "frac", ts_flux_float(frac), "exp", ts_flux_int(isfinite(X) ? exp : 0), out);
}

static int f_lgamma(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    int sign = 1;
    double v = lgamma_r(X, &sign);
    return two(run, "lgamma", ts_flux_float(v), "sign", ts_flux_int(sign < 0 ? -1 : 1), out);
}

static int f_modf(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    double whole, frac = modf(X, &whole);
    return two(run, "int", ts_flux_float(whole), "frac", ts_flux_float(isinf(X) ? NAN : frac), out);
}

static int f_sincos(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return two(run, "sin", ts_flux_float(sin(X)), "cos", ts_flux_float(cos(X)), out);
}

#define ONE "(x: float) => float"
#define TWO "(x: float, y: float) => float"

const struct ts_flux_builtin ts_flux_std_math[] = {
    {"pi", "float", c_pi},
    {"e", "float", c_e},
    {"phi", "float", c_phi},
    {"sqrt2", "float", c_sqrt2},
    {"sqrte", "float", c_sqrte},
    {"sqrtpi", "float", c_sqrtpi},
    {"sqrtphi", "float", c_sqrtphi},
    {"ln2", "float", c_ln2},
    {"log2e", "float", c_log2e},
    {"ln10", "float", c_ln10},
    {"log10e", "float", c_log10e},
    {"maxfloat", "float", c_maxfloat},
    {"smallestNonzeroFloat", "float", c_smallest},
    {"maxint", "int", c_maxint},
    {"minint", "int", c_minint},
    {"maxuint", "uint", c_maxuint},
    {"abs", ONE, f_abs},
    {"acos", ONE, f_acos},
    {"acosh", ONE, f_acosh},
    {"asin", ONE, f_asin},
    {"asinh", ONE, f_asinh},
    {"atan", ONE, f_atan},
    {"atan2", "(y: float, x: float) => float", f_atan2},
    {"atanh", ONE, f_atanh},
    {"cbrt", ONE, f_cbrt},
    {"ceil", ONE, f_ceil},
    {"copysign", TWO, f_copysign},
    {"cos", ONE, f_cos},
    {"cosh", ONE, f_cosh},
    {"dim", TWO, f_dim},
    {"erf", ONE, f_erf},
    {"erfc", ONE, f_erfc},
    {"erfcinv", ONE, f_erfcinv},
    {"erfinv", ONE, f_erfinv},
    {"exp", ONE, f_exp},
    {"exp2", ONE, f_exp2},
    {"expm1", ONE, f_expm1},
    {"float64bits", "(f: float) => uint", f_bits},
    {"float64frombits", "(b: uint) => float", f_frombits},
    {"floor", ONE, f_floor},
    {"frexp", "(f: float) => record", f_frexp},
    {"gamma", ONE, f_gamma},
    {"hypot", "(p: float, q: float) => float", f_hypot},
    {"ilogb", "(x: float) => int", f_ilogb},
    {"isInf", "(f: float, sign: int) => bool", f_is_inf},
    {"isNaN", "(f: float) => bool", f_is_nan},
    {"j0", ONE, f_j0},
    {"j1", ONE, f_j1},
    {"jn", "(n: int, x: float) => float", f_jn},
    {"ldexp", "(frac: float, exp: int) => float", f_ldexp},
    {"lgamma", "(x: float) => record", f_lgamma},
    {"log", ONE, f_log},
    {"log10", ONE, f_log10},
    {"log1p", ONE, f_log1p},
    {"log2", ONE, f_log2},
    {"logb", ONE, f_logb},
    {"mInf", "(sign: int) => float", f_m_inf},
    {"mMax", TWO, f_max},
    {"mMin", TWO, f_min},
    {"mod", TWO, f_mod},
    {"modf", "(f: float) => record", f_modf},
    {"NaN", "() => float", f_nan},
    {"nextafter", TWO, f_nextafter},
    {"pow", TWO, f_pow},
    {"pow10", "(n: int) => float", f_pow10},
    {"remainder", TWO, f_remainder},
    {"round", ONE, f_round},
    {"roundtoeven", ONE, f_roundtoeven},
    {"signbit", "(x: float) => bool", f_signbit},
    {"sin", ONE, f_sin},
    {"sincos", "(x: float) => record", f_sincos},
    {"sinh", ONE, f_sinh},
    {"sqrt", ONE, f_sqrt},
    {"tan", ONE, f_tan},
    {"tanh", ONE, f_tanh},
    {"trunc", ONE, f_trunc},
    {"y0", ONE, f_y0},
    {"y1", ONE, f_y1},
    {"yn", "(n: int, x: float) => float", f_yn},
    {0},
};
