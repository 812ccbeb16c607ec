#include "argument.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fail(int code, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", program_name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(code);
}

uint64_t
argument_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	/* strtoull passes over white space and takes a sign. */
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || value < min || value > max)
		fail(EXIT_USAGE, "--%s: observed %s, expected a whole number from %" PRIu64 " to %" PRIu64, option, text, min, max);
	return value;
}

struct mac
argument_mac(const char *option, const char *text)
{
	struct mac address;
	uint8_t *b = address.bytes;
	int used = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &used) != 6 ||
	    text[used] != '\0')
		fail(EXIT_USAGE, "--%s: observed %s, expected a MAC address", option, text);
	return address;
}

unsigned int
argument_choice(const char *option, const char *text, const char *const *words, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	fail(EXIT_USAGE, "--%s: observed %s, which is none of its words", option, text);
}
