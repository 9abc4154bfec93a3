/*
 * histogram.c
 *	  How long requests took: counts in buckets of logarithmic width, four to a doubling.
 *
 * Bucket 0 holds what is faster than SMALLEST_MS, bucket i from SMALLEST_MS * 2^((i-1)/4) on, the
 * last one everything slower.  Builds without a backend: test/unit/histogram_test.c.
 */
#include "base.h"

#include <math.h>

#include "service/histogram.h"

#define SMALLEST_MS 0.125
#define PER_DOUBLING 4

static int
bucket_of(double ms)
{
	double position;

	if (!(ms > SMALLEST_MS))
		return 0;
	position = floor(log2(ms / SMALLEST_MS) * PER_DOUBLING) + 1;
	return position >= HISTOGRAM_BUCKETS ? HISTOGRAM_BUCKETS - 1 : (int) position;
}

/* Where a bucket begins; that of the first is 0. */
static double
beginning_of(int bucket)
{
	return bucket == 0 ? 0 : SMALLEST_MS * exp2((bucket - 1) / (double) PER_DOUBLING);
}

void
dq_histogram_add(Histogram *histogram, double ms)
{
	histogram->count++;
	histogram->sum_ms += ms;
	histogram->buckets[bucket_of(ms)]++;
}

double
dq_histogram_quantile(const Histogram *histogram, double share)
{
	int64 rank = (int64) ceil(share * histogram->count);
	int64 seen = 0;

	if (histogram->count == 0)
		return -1;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
	{
		seen += histogram->buckets[i];
		if (seen >= Max(rank, 1))
			/* The middle, as the ratio goes. */
			return i == 0 ? SMALLEST_MS : beginning_of(i) * exp2(0.5 / PER_DOUBLING);
	}
	return beginning_of(HISTOGRAM_BUCKETS - 1);
}

double
dq_histogram_fastest(const Histogram *histogram)
{
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (histogram->buckets[i] > 0)
			return beginning_of(i);
	return 0;
}
