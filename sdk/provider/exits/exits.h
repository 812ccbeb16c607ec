#ifndef NFVLAB_EXITS_H
#define NFVLAB_EXITS_H

#include <stdbool.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

/* Cycles of the time stamp counter. Fenced: what was to be timed is neither begun before the first nor still going on after the second. */
INLINE uint64_t
cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Begins to count anew what an operation takes. */
void count_anew(void);
void count(uint64_t taken);
/* One line of JSON: the operation, and its histogram. */
void report(const char *operation);
void report_missing(const char *operation, const char *why);

/* The same operation again and again, each timed by itself. The first ones only warm up caches and predictors. */
INLINE void
measure(const char *name, uint64_t samples, void (*operation)(void))
{
	uint64_t from, to;

	for (uint64_t i = 0; i < samples / 16 + 1; i++)
		operation();
	count_anew();
	for (uint64_t i = 0; i < samples; i++) {
		from = cycles();
		operation();
		to = cycles();
		count(to - from);
	}
	report(name);
}

/* The number that follows a word, or the default where the text does not have it. */
uint64_t number_after(const char *text, const char *word, uint64_t otherwise);

void print(const char *text);
void print_number(uint64_t number);
void print_line(void);

/* Where lines go: of the guest and of the host each their own. */
extern void (*output)(const char *text, uint64_t length);

#endif
