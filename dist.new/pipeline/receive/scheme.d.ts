import { type Static, Type } from "typebox";
declare const Place: Type.TUnion<[Type.TObject<{
    header: Type.TString;
    separator: Type.TOptional<Type.TString>;
    prefix: Type.TOptional<Type.TString>;
}>, Type.TObject<{
    body: Type.TString;
}>, Type.TObject<{
    query: Type.TString;
}>, Type.TObject<{
    item: Type.TString;
}>, Type.TObject<{
    literal: Type.TString;
}>]>;
export type Place = Static<typeof Place>;
declare const TimeUnit: Type.TEnum<["s", "ms", "rfc3339"]>;
export type TimeUnit = Static<typeof TimeUnit>;
declare const Algorithm: Type.TEnum<["hmac-sha256", "hmac-sha1", "hmac-sha512", "sha256-prefixed", "ed25519", "ecdsa-p256-sha256", "rsa-sha256", "token", "none"]>;
export type Algorithm = Static<typeof Algorithm>;
declare const SignatureEncoding: Type.TEnum<["hex", "hex_any_case", "base64", "text"]>;
export type SignatureEncoding = Static<typeof SignatureEncoding>;
declare const defaulted: {
    secret: Type.TObject<{
        encoding: Type.TEnum<["text", "base64", "hex"]>;
        prefix: Type.TOptional<Type.TString>;
    }>;
    retry_hours: Type.TInteger;
    challenges: Type.TArray<Type.TObject<{
        when: Type.TArray<Type.TObject<{
            at: Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>;
            equals: Type.TOptional<Type.TString>;
        }>>;
        method: Type.TOptional<Type.TEnum<["GET", "POST"]>>;
        proof: Type.TUnion<[Type.TLiteral<"signature">, Type.TLiteral<"pending">, Type.TLiteral<"none">, Type.TObject<{
            token: Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>;
            equals: Type.TString;
        }>]>;
        capture: Type.TOptional<Type.TUnion<[Type.TObject<{
            header: Type.TString;
            separator: Type.TOptional<Type.TString>;
            prefix: Type.TOptional<Type.TString>;
        }>, Type.TObject<{
            body: Type.TString;
        }>, Type.TObject<{
            query: Type.TString;
        }>, Type.TObject<{
            item: Type.TString;
        }>, Type.TObject<{
            literal: Type.TString;
        }>]>>;
        answer: Type.TObject<{
            status: Type.TEnum<[200, 204]>;
            content_type: Type.TOptional<Type.TEnum<["text/plain", "application/json"]>>;
            headers: Type.TOptional<Type.TRecord<"^.*$", Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>>>;
            text: Type.TOptional<Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>>;
            json: Type.TOptional<Type.TRecord<"^.*$", Type.TUnion<[Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>, Type.TObject<{
                hmac_hex: Type.TUnion<[Type.TObject<{
                    header: Type.TString;
                    separator: Type.TOptional<Type.TString>;
                    prefix: Type.TOptional<Type.TString>;
                }>, Type.TObject<{
                    body: Type.TString;
                }>, Type.TObject<{
                    query: Type.TString;
                }>, Type.TObject<{
                    item: Type.TString;
                }>, Type.TObject<{
                    literal: Type.TString;
                }>]>;
            }>]>>>;
        }>;
    }>>;
    ack: Type.TObject<{
        status: Type.TEnum<[200, 202, 204]>;
        body: Type.TEnum<["json", "empty"]>;
    }>;
    body_limit_bytes: Type.TInteger;
    methods: Type.TArray<Type.TEnum<["POST", "GET", "PUT", "PATCH", "DELETE"]>>;
};
/** What stands in a scheme that leaves the fields out. */
export declare const SCHEME_DEFAULTS: Static<Type.TObject<typeof defaulted>>;
/** A scheme as a connector brings it: what has a default may be left out. */
export declare const SchemeInput: Type.TObject<{
    algorithm: Type.TEnum<["hmac-sha256", "hmac-sha1", "hmac-sha512", "sha256-prefixed", "ed25519", "ecdsa-p256-sha256", "rsa-sha256", "token", "none"]>;
    signature: Type.TOptional<Type.TObject<{
        from: Type.TArray<Type.TUnion<[Type.TObject<{
            header: Type.TString;
            separator: Type.TOptional<Type.TString>;
            prefix: Type.TOptional<Type.TString>;
        }>, Type.TObject<{
            body: Type.TString;
        }>, Type.TObject<{
            query: Type.TString;
        }>]>>;
        encoding: Type.TEnum<["hex", "hex_any_case", "base64", "text"]>;
    }>>;
    content: Type.TOptional<Type.TArray<Type.TUnion<[Type.TLiteral<"body">, Type.TLiteral<"timestamp">, Type.TLiteral<"id">, Type.TLiteral<"method">, Type.TLiteral<"url">, Type.TObject<{
        literal: Type.TString;
    }>, Type.TObject<{
        header: Type.TString;
    }>]>>>;
    body_unsigned: Type.TOptional<Type.TLiteral<true>>;
    timestamp: Type.TOptional<Type.TObject<{
        from: Type.TUnion<[Type.TObject<{
            header: Type.TString;
            separator: Type.TOptional<Type.TString>;
            prefix: Type.TOptional<Type.TString>;
        }>, Type.TObject<{
            body: Type.TString;
        }>]>;
        unit: Type.TEnum<["s", "ms", "rfc3339"]>;
        tolerance_s: Type.TOptional<Type.TInteger>;
    }>>;
    delivery_id: Type.TOptional<Type.TArray<Type.TUnion<[Type.TObject<{
        header: Type.TString;
        separator: Type.TOptional<Type.TString>;
        prefix: Type.TOptional<Type.TString>;
    }>, Type.TObject<{
        body: Type.TString;
    }>, Type.TObject<{
        query: Type.TString;
    }>, Type.TObject<{
        item: Type.TString;
    }>, Type.TObject<{
        literal: Type.TString;
    }>]>>>;
    type: Type.TObject<{
        from: Type.TArray<Type.TUnion<[Type.TObject<{
            header: Type.TString;
            separator: Type.TOptional<Type.TString>;
            prefix: Type.TOptional<Type.TString>;
        }>, Type.TObject<{
            body: Type.TString;
        }>, Type.TObject<{
            query: Type.TString;
        }>, Type.TObject<{
            item: Type.TString;
        }>, Type.TObject<{
            literal: Type.TString;
        }>]>>;
        suffix: Type.TOptional<Type.TUnion<[Type.TObject<{
            header: Type.TString;
            separator: Type.TOptional<Type.TString>;
            prefix: Type.TOptional<Type.TString>;
        }>, Type.TObject<{
            body: Type.TString;
        }>, Type.TObject<{
            query: Type.TString;
        }>, Type.TObject<{
            item: Type.TString;
        }>, Type.TObject<{
            literal: Type.TString;
        }>]>>;
    }>;
    occurred_at: Type.TOptional<Type.TObject<{
        from: Type.TArray<Type.TUnion<[Type.TObject<{
            header: Type.TString;
            separator: Type.TOptional<Type.TString>;
            prefix: Type.TOptional<Type.TString>;
        }>, Type.TObject<{
            body: Type.TString;
        }>, Type.TObject<{
            query: Type.TString;
        }>, Type.TObject<{
            item: Type.TString;
        }>, Type.TObject<{
            literal: Type.TString;
        }>]>>;
        unit: Type.TEnum<["s", "ms", "rfc3339"]>;
    }>>;
    account: Type.TOptional<Type.TArray<Type.TUnion<[Type.TObject<{
        header: Type.TString;
        separator: Type.TOptional<Type.TString>;
        prefix: Type.TOptional<Type.TString>;
    }>, Type.TObject<{
        body: Type.TString;
    }>, Type.TObject<{
        query: Type.TString;
    }>, Type.TObject<{
        item: Type.TString;
    }>, Type.TObject<{
        literal: Type.TString;
    }>]>>>;
    items: Type.TOptional<Type.TString>;
    secret: Type.TOptional<Type.TObject<{
        encoding: Type.TEnum<["text", "base64", "hex"]>;
        prefix: Type.TOptional<Type.TString>;
    }>>;
    retry_hours: Type.TOptional<Type.TInteger>;
    challenges: Type.TOptional<Type.TArray<Type.TObject<{
        when: Type.TArray<Type.TObject<{
            at: Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>;
            equals: Type.TOptional<Type.TString>;
        }>>;
        method: Type.TOptional<Type.TEnum<["GET", "POST"]>>;
        proof: Type.TUnion<[Type.TLiteral<"signature">, Type.TLiteral<"pending">, Type.TLiteral<"none">, Type.TObject<{
            token: Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>;
            equals: Type.TString;
        }>]>;
        capture: Type.TOptional<Type.TUnion<[Type.TObject<{
            header: Type.TString;
            separator: Type.TOptional<Type.TString>;
            prefix: Type.TOptional<Type.TString>;
        }>, Type.TObject<{
            body: Type.TString;
        }>, Type.TObject<{
            query: Type.TString;
        }>, Type.TObject<{
            item: Type.TString;
        }>, Type.TObject<{
            literal: Type.TString;
        }>]>>;
        answer: Type.TObject<{
            status: Type.TEnum<[200, 204]>;
            content_type: Type.TOptional<Type.TEnum<["text/plain", "application/json"]>>;
            headers: Type.TOptional<Type.TRecord<"^.*$", Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>>>;
            text: Type.TOptional<Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>>;
            json: Type.TOptional<Type.TRecord<"^.*$", Type.TUnion<[Type.TUnion<[Type.TObject<{
                header: Type.TString;
                separator: Type.TOptional<Type.TString>;
                prefix: Type.TOptional<Type.TString>;
            }>, Type.TObject<{
                body: Type.TString;
            }>, Type.TObject<{
                query: Type.TString;
            }>, Type.TObject<{
                item: Type.TString;
            }>, Type.TObject<{
                literal: Type.TString;
            }>]>, Type.TObject<{
                hmac_hex: Type.TUnion<[Type.TObject<{
                    header: Type.TString;
                    separator: Type.TOptional<Type.TString>;
                    prefix: Type.TOptional<Type.TString>;
                }>, Type.TObject<{
                    body: Type.TString;
                }>, Type.TObject<{
                    query: Type.TString;
                }>, Type.TObject<{
                    item: Type.TString;
                }>, Type.TObject<{
                    literal: Type.TString;
                }>]>;
            }>]>>>;
        }>;
    }>>>;
    ack: Type.TOptional<Type.TObject<{
        status: Type.TEnum<[200, 202, 204]>;
        body: Type.TEnum<["json", "empty"]>;
    }>>;
    body_limit_bytes: Type.TOptional<Type.TInteger>;
    methods: Type.TOptional<Type.TArray<Type.TEnum<["POST", "GET", "PUT", "PATCH", "DELETE"]>>>;
}>;
export type SchemeInput = Static<typeof SchemeInput>;
/** A whole scheme, which `checkScheme` has found free of contradictions. */
export type Scheme = SchemeInput & typeof SCHEME_DEFAULTS;
export {};
