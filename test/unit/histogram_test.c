/*
 * histogram_test.c
 *	  Quantiles of a histogram against those of the times themselves.
 */
#include "base.h"

#include <math.h>

#include "tap.h"
#include "service/histogram.h"

#define TIMES 10000

static int
compare_times(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return x < y ? -1 : x > y;
}

int
main(void)
{
	static double times[TIMES];
	static const double shares[] = { 0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 1 };
	Histogram histogram = { 0 };
	uint32 random = 99;

	ok(dq_histogram_quantile(&histogram, 0.5) < 0, "an empty one has no median");
	ok(dq_histogram_fastest(&histogram) == 0, "nor a fastest");
	for (int i = 0; i < TIMES; i++)
	{
		random = random * 1664525 + 1013904223;
		times[i] = 0.2 * exp((random >> 8) / (double) (1 << 24) * 12);
		dq_histogram_add(&histogram, times[i]);
	}
	qsort(times, TIMES, sizeof(double), compare_times);
	for (int i = 0; i < lengthof(shares); i++)
	{
		double exact = times[(int) ceil(shares[i] * TIMES) - 1];
		double found = dq_histogram_quantile(&histogram, shares[i]);

		ok(fabs(found / exact - 1) < 0.1, "quantile %g: %.3f for %.3f", shares[i], found, exact);
	}
	ok(dq_histogram_fastest(&histogram) <= times[0], "none was faster than the fastest");
	ok(dq_histogram_fastest(&histogram) > times[0] * 0.8, "nor is that far away");

	Histogram extremes = { 0 };

	dq_histogram_add(&extremes, 0);
	dq_histogram_add(&extremes, 0.125);
	dq_histogram_add(&extremes, 1e12);
	dq_histogram_add(&extremes, NAN);
	is_int(extremes.count, 4, "extremes are counted");
	is_int(extremes.buckets[0], 3, "the first bucket holds what is small, or no number");
	is_int(extremes.buckets[HISTOGRAM_BUCKETS - 1], 1, "the last one what is large");
	ok(dq_histogram_quantile(&extremes, 1) > 100000, "more than 100 s");
	return tap_done();
}
