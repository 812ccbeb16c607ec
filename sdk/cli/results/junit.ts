import { escapeText } from "../../report/escape.ts";
import type { NamedRecord } from "./recorded.ts";

/** A test case for each record, which fails where the record is not valid. Medians are properties. */
export function junitText(records: readonly NamedRecord[]): string[] {
  const failures = records.filter(({ record }) => !record.valid).length;
  const counts = `tests="${records.length}" failures="${failures}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="nfvlab results" ${counts}>`,
    ...records.flatMap(caseOf),
    "  </testsuite>",
    "</testsuites>",
  ];
}

function caseOf({ name, record }: NamedRecord): string[] {
  const { kind, subject, durationMs, startedAt, functional, fingerprint, metrics, invalidReasons } = record;
  const properties = [
    ["subject", subject],
    ["startedAt", startedAt],
    ["functional", String(functional)],
    ["fingerprint", fingerprint.hash],
    ...metrics.map((metric) => [`${metric.name}.median.${metric.unit}`, String(metric.median)]),
  ];
  const attribute = (text = "") => escapeText(text).replaceAll("\n", "&#10;");
  return [
    `    <testcase classname="nfvlab.${attribute(kind)}" name="${attribute(name)}" time="${durationMs / 1000}">`,
    "      <properties>",
    ...properties.map(
      ([key, value]) => `        <property name="${attribute(key)}" value="${attribute(value)}"/>`,
    ),
    "      </properties>",
    ...(record.valid
      ? []
      : [
          `      <failure type="invalid" message="${attribute(invalidReasons[0])}">${escapeText(invalidReasons.join("\n"))}</failure>`,
        ]),
    "    </testcase>",
  ];
}
