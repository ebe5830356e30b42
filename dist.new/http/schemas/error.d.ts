import { Type } from "typebox";
/** The body of every answer that is no success. */
export declare const ErrorBody: Type.TObject<{
    error: Type.TObject<{
        code: Type.TString;
        message: Type.TString;
        details: Type.TOptional<Type.TArray<Type.TObject<{
            field: Type.TString;
            expected: Type.TOptional<Type.TString>;
            got: Type.TOptional<Type.TString>;
            message: Type.TOptional<Type.TString>;
        }>>>;
    }>;
}>;
