import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "../runtime/logger.ts";
/** What every route of the API may answer besides its successes, for its response schema. */
export declare const ERROR_RESPONSES: {
    "4xx": import("typebox").TUnsafe<{
        error: {
            code: string;
            message: string;
            details?: {
                field: string;
                expected?: string;
                got?: string;
                message?: string;
            }[];
        };
    }>;
    "5xx": import("typebox").TUnsafe<{
        error: {
            code: string;
            message: string;
            details?: {
                field: string;
                expected?: string;
                got?: string;
                message?: string;
            }[];
        };
    }>;
};
/** Answers every error that a route or Fastify itself throws. */
export declare function createErrorHandler(log: Logger): (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply) => FastifyReply;
/** Answers what no route takes: 405 with the methods of the path where there are some, else 404. */
export declare function createNotFoundHandler(methodsOf: (path: string) => readonly string[]): (request: FastifyRequest, reply: FastifyReply) => FastifyReply;
/** Answers what is not even a request, on the bare socket. */
export declare function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void;
