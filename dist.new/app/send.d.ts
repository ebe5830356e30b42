export interface Sent {
    status: number;
    body: string;
}
/** Sends one delivery, signed as the preset's provider would, and answers what the receiver said. */
export declare function sendSample(sample: {
    preset: string;
    url: string;
    secret: string;
    type: string;
    data: string;
}): Promise<Sent>;
