import { Type } from "typebox";

/** The body of every answer that is no success. */
export const ErrorBody = Type.Object(
  {
    error: Type.Object({
      code: Type.String({ description: "Stable, for programs." }),
      message: Type.String({ description: "For people: what is wrong, where, and what was expected." }),
      details: Type.Optional(
        Type.Array(
          Type.Object({
            field: Type.String({ description: "Where in the input, with dots between the levels." }),
            expected: Type.Optional(Type.String()),
            got: Type.Optional(Type.String({ description: "The kind of what was seen, never its value." })),
            message: Type.Optional(Type.String()),
          }),
        ),
      ),
    }),
  },
  { $id: "Error", description: "What went wrong." },
);
