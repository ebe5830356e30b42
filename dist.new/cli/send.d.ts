/** `headrace send`: exits 0 when the receiver took the delivery. */
export declare function runSend(preset: string, options: {
    url: string;
    secret: string;
    type: string;
    data: string;
    json?: boolean;
}): Promise<void>;
