import { isDnsLabelAnyCase } from '../dns-name.ts';
import { parseDurationMs } from '../duration.ts';
import type { Field } from './field.ts';
import { check, faultOfPort } from './host-rules.ts';
import type { Report } from './report.ts';

const maxPercent = 100;
/** Percentages travel as parts of a million. */
const leastPercent = 0.0001;

/** A duration, if it is set: at least 1ms, in whole milliseconds. */
export function checkDuration(field: Field, report: Report): void {
  if (typeof field.value !== 'string') return;
  const milliseconds = parseDurationMs(field.text);
  if (milliseconds === null)
    report.error(field, `${JSON.stringify(field.text)} is not a duration, such as 1h, 5m, 1.5s or 100ms`);
  else if (milliseconds < 1)
    report.error(field, 'duration must be greater than 1ms: must be a valid duration greater than 1ms');
  else if (!Number.isInteger(milliseconds)) report.error(field, 'only durations to ms precision are supported');
}

/** A port number, if it is set. */
export function checkPort(field: Field, report: Report): void {
  if (typeof field.value === 'number') check(report, field, faultOfPort(field.number));
}

/** A whole percentage, if it is set. */
export function checkPercent(field: Field, report: Report): void {
  if (field.number < 0 || field.number > maxPercent)
    report.error(field, `${field.number} is not a percentage, must be within 0 and 100`);
}

/** `{ value: 12.5 }`, if it is set. */
export function checkPercentage(field: Field, report: Report): void {
  const value = field.get('value');
  const isWrong = value.number < 0 || value.number > maxPercent || (value.number > 0 && value.number < leastPercent);
  if (isWrong) report.error(value, `percentage ${value.number} is neither 0.0, nor in range [0.0001, 100.0]`);
}

/** A number that must not be below zero, if it is set. */
export function checkNonNegative(field: Field, report: Report): void {
  if (field.number < 0) report.error(field, `${field.number} is negative, must be 0 or more`);
}

/** The name of a subset. */
export function checkSubsetName(field: Field, report: Report): void {
  if (field.text === '') report.error(field, 'subset name must not be empty');
  else if (!isDnsLabelAnyCase(field.text))
    report.error(field, `${JSON.stringify(field.text)} is not a valid subset name, must be a DNS label`);
}
