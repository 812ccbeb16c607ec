#ifndef NFVLAB_HISTOGRAM_H
#define NFVLAB_HISTOGRAM_H

#include <stdint.h>

/*
 * Log-linear buckets, as of an HDR histogram: each power of two is cut into HISTOGRAM_HALF equal parts, so that a bucket is at most
 * 1/256 wider than its value. From 0 to 2^40 ns, which is 18 minutes; what is later goes into the last bucket.
 */
#define HISTOGRAM_BITS 9
#define HISTOGRAM_HALF (1u << (HISTOGRAM_BITS - 1))
#define HISTOGRAM_LARGEST ((UINT64_C(1) << 40) - 1)
#define HISTOGRAM_BUCKETS ((40 - HISTOGRAM_BITS + 2) * HISTOGRAM_HALF)

struct histogram {
	uint64_t samples;
	uint64_t min;
	uint64_t max;
	uint64_t sum;
	uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline unsigned int
histogram_bucket(uint64_t value)
{
	unsigned int shift;

	if (value > HISTOGRAM_LARGEST)
		value = HISTOGRAM_LARGEST;
	if (value < 2 * HISTOGRAM_HALF)
		return (unsigned int)value;
	shift = 63 - (unsigned int)__builtin_clzll(value) - (HISTOGRAM_BITS - 1);
	return shift * HISTOGRAM_HALF + (unsigned int)(value >> shift);
}

/* Largest value that counts in a bucket: what is reported never understates. */
static inline uint64_t
histogram_highest(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 2 * HISTOGRAM_HALF)
		return bucket;
	shift = bucket / HISTOGRAM_HALF - 1;
	return ((uint64_t)(bucket % HISTOGRAM_HALF + HISTOGRAM_HALF + 1) << shift) - 1;
}

static inline void
histogram_record(struct histogram *h, uint64_t value)
{
	if (h->samples == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->samples++;
	h->sum += value;
	h->counts[histogram_bucket(value)]++;
}

#endif
