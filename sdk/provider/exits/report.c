/* What guest and host share: counting, and lines of JSON without a library. */
#include "exits.h"
#include "histogram.h"

void (*output)(const char *text, uint64_t length);

static struct histogram taken;
static char line[65536];
static uint64_t length;

/* The compiler calls for it by itself. */
void *memset(void *to, int byte, uint64_t size);

void *
memset(void *to, int byte, uint64_t size)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(byte) : "memory");
	return to;
}

void
print(const char *text)
{
	while (*text != '\0' && length < sizeof line - 1)
		line[length++] = *text++;
}

void
print_number(uint64_t number)
{
	char digits[24], *at = digits + sizeof digits;

	*--at = '\0';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	print(at);
}

void
print_line(void)
{
	line[length++] = '\n';
	output(line, length);
	length = 0;
}

void
count_anew(void)
{
	taken = (struct histogram){ 0 };
}

void
count(uint64_t cycles)
{
	histogram_record(&taken, cycles);
}

void
report(const char *operation)
{
	const char *between = "";

	print("{\"operation\":\"");
	print(operation);
	print("\",\"samples\":");
	print_number(taken.samples);
	print(",\"min\":");
	print_number(taken.min);
	print(",\"max\":");
	print_number(taken.max);
	print(",\"buckets\":[");
	for (unsigned int bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		if (taken.counts[bucket] == 0)
			continue;
		print(between);
		print("[");
		print_number(histogram_highest(bucket));
		print(",");
		print_number(taken.counts[bucket]);
		print("]");
		between = ",";
	}
	print("]}");
	print_line();
}

void
report_missing(const char *operation, const char *why)
{
	print("{\"operation\":\"");
	print(operation);
	print("\",\"missing\":\"");
	print(why);
	print("\"}");
	print_line();
}

uint64_t
number_after(const char *text, const char *word, uint64_t otherwise)
{
	for (; *text != '\0'; text++) {
		uint64_t at = 0, number = 0;

		while (word[at] != '\0' && text[at] == word[at])
			at++;
		if (word[at] != '\0')
			continue;
		for (text += at; *text >= '0' && *text <= '9'; text++)
			number = number * 10 + (uint64_t)(*text - '0');
		return number;
	}
	return otherwise;
}
