interface StandardSchema<T> {
  "~standard": {
    validate(value: unknown): { value: T; issues?: undefined } | { issues: object } | Promise<unknown>;
  };
}

/** What the wire's schema makes of the value; throws where it isn't as the schema says. */
export function parse<T>(schema: StandardSchema<T>, value: unknown): T {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise || result.issues !== undefined) {
    throw new Error(`not as the wire says: ${JSON.stringify(result)}`);
  }
  return result.value;
}
