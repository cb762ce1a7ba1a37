"""Kernels of random numbers: fill arrays with uniform and normal numbers.

The results have the same bits on every platform: the kernels use only integers and operations of float64 whose
results IEEE 754 determines (``+``, ``-``, ``*``, ``/``, square root), and no logarithm of the C library. The numbers
come from SplitMix64 (Steele et al. 2014), which can start at any of its numbers.
"""

from libc.math cimport fabs, frexp, sqrt
from libc.stdint cimport uint64_t

from fasttok.models._sampling_loop cimport draw, hash_number

cdef uint64_t STEP = 0x9E3779B97F4A7C15ULL  # difference between two states of SplitMix64

# Coefficients of polynomials, by descending power. Those of the rational functions are from Wichura (1988),
# algorithm AS 241, PPND16: for the centre of the distribution, for its sides and for its tails.
cdef double[8] CENTRE_OVER = [
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0,
]
cdef double[8] CENTRE_UNDER = [
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
]
cdef double[8] SIDE_OVER = [
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
    3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0,
]
cdef double[8] SIDE_UNDER = [
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0,
]
cdef double[8] TAIL_OVER = [
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
    2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0,
]
cdef double[8] TAIL_UNDER = [
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
]
cdef double[12] AREA_TANGENT = [1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7,
                                1.0 / 5, 1.0 / 3, 1.0]
cdef double LOG_2 = 0.6931471803691238  # log(2), rounded to 32 bits
cdef double REST_OF_LOG_2 = 1.9082149292705877e-10


def hash_seed(uint64_t seed, uint64_t stream):
    """Return the initial state of a generator: ``h(h(seed) ^ stream)``, where h is the first number of SplitMix64."""
    return hash_number(hash_number(seed) ^ stream)


def fill_uniform(float[::1] out, uint64_t state, uint64_t start, double scale):
    """Fill an array with numbers from -`scale` to `scale`, number `start` of the generator first."""
    cdef Py_ssize_t i
    state += start * STEP
    with nogil:
        for i in range(out.shape[0]):
            out[i] = <float>(scale * (2 * centred(draw(&state))))


def fill_normal(float[::1] out, uint64_t state, uint64_t start, double scale):
    """Fill an array with normal numbers of mean 0 and standard deviation `scale`, number `start` first."""
    cdef Py_ssize_t i
    state += start * STEP
    with nogil:
        for i in range(out.shape[0]):
            out[i] = <float>(scale * invert_normal(centred(draw(&state))))


cdef inline double centred(uint64_t number) noexcept nogil:
    """Return ``((number >> 12) + 1/2) / 2**52 - 1/2``, which is exact."""
    return (<double>(number >> 12) - 2251799813685247.5) * 2.220446049250313e-16


cdef inline double invert_normal(double q) noexcept nogil:
    """Return the number below which a standard normal number is with probability ``q + 1/2``."""
    cdef double r = 0.180625 - q * q
    if r >= 0:
        return q * divide(CENTRE_OVER, CENTRE_UNDER, r)
    r = sqrt(-log(0.5 - fabs(q)))
    r = divide(SIDE_OVER, SIDE_UNDER, r - 1.6) if r <= 5 else divide(TAIL_OVER, TAIL_UNDER, r - 5)
    return -r if q < 0 else r


cdef inline double divide(const double* over, const double* under, double x) noexcept nogil:
    cdef double a = over[0], b = under[0]
    cdef int i
    for i in range(1, 8):
        a = a * x + over[i]
        b = b * x + under[i]
    return a / b


cdef inline double log(double x) noexcept nogil:
    """Return the natural logarithm of a positive number."""
    cdef int exponent, i
    cdef double mantissa = frexp(x, &exponent), s, square, series = AREA_TANGENT[0]
    if mantissa < 0.7071067811865476:
        mantissa *= 2
        exponent -= 1
    s = (mantissa - 1) / (mantissa + 1)
    square = s * s
    for i in range(1, 12):
        series = series * square + AREA_TANGENT[i]
    return exponent * LOG_2 + (2 * s * series + exponent * REST_OF_LOG_2)
