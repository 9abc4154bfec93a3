/*
 * histogram.h
 *	  How long requests took: counts in buckets of logarithmic width, four to a doubling.
 *
 * A plain value in memory; whoever calls holds the lock that guards it.  Zero bytes are empty.
 */
#ifndef DQ_HISTOGRAM_H
#define DQ_HISTOGRAM_H

/* From below 1/8 ms to above two minutes. */
#define HISTOGRAM_BUCKETS 82

typedef struct Histogram
{
	int64 count;
	double sum_ms;
	int64 buckets[HISTOGRAM_BUCKETS];
} Histogram;

extern void dq_histogram_add(Histogram *histogram, double ms);

/*
 * The time that this share (0 to 1) of requests did not exceed, at most 9 % away from the true one;
 * -1 when there are none.
 */
extern double dq_histogram_quantile(const Histogram *histogram, double share);

/* No request was faster; 0 when there are none. */
extern double dq_histogram_fastest(const Histogram *histogram);

#endif /* DQ_HISTOGRAM_H */
