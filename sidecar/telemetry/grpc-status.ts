const camelNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

const snakeNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** How `%GRPC_STATUS(FORM)%` prints a status. */
export type GrpcStatusForm = 'CAMEL_STRING' | 'SNAKE_STRING' | 'NUMBER';

/** Whether a text is one of the forms. */
export function isGrpcStatusForm(text: string): text is GrpcStatusForm {
  return text === 'CAMEL_STRING' || text === 'SNAKE_STRING' || text === 'NUMBER';
}

/** A gRPC status in this form, as Envoy's GRPC_STATUS prints it; the number if it has no name. */
export function grpcStatusText(status: number, form: GrpcStatusForm): string {
  switch (form) {
    case 'CAMEL_STRING':
      return camelNames[status] ?? String(status);
    case 'SNAKE_STRING':
      return snakeNames[status] ?? String(status);
    case 'NUMBER':
      return String(status);
  }
}
