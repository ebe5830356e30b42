import { Type } from "typebox";

/** The body of every error response. */
export const ErrorBody = Type.Object(
  {
    error: Type.Object({
      code: Type.String({ description: "Stable, for programs." }),
      message: Type.String({ description: "For people: the problem, its location, and the expected input." }),
      details: Type.Optional(
        Type.Array(
          Type.Object({
            field: Type.String({ description: "The location in the input, with dots between the levels." }),
            expected: Type.Optional(Type.String()),
            got: Type.Optional(Type.String({ description: "The type of the input, never its value." })),
            message: Type.Optional(Type.String()),
          }),
        ),
      ),
    }),
  },
  { $id: "Error", description: "The error." },
);
