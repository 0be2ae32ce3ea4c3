/** A refusal in the API's own words; the server renders it as `{id, message, request_id}`. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly id: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export const unauthorized = (): ApiError => new ApiError(401, "Unauthorized", "Unable to authenticate you");
/** It does not say what the token lacks; the real API does not either. */
export const forbidden = (): ApiError =>
  new ApiError(403, "Forbidden", "You are not authorized to perform this operation");
export const notFound = (message = "The resource you requested could not be found."): ApiError =>
  new ApiError(404, "not_found", message);
export const conflict = (message: string): ApiError => new ApiError(409, "conflict", message);
export const preconditionFailed = (message: string): ApiError => new ApiError(412, "precondition_failed", message);
export const unprocessable = (message: string): ApiError => new ApiError(422, "unprocessable_entity", message);
export const serverError = (): ApiError => new ApiError(500, "server_error", "Unexpected server-side error");
