declare module "x-hub-signature" {
  /** Signs a body as GitHub's older and Meta's headers do: `sha256=…`. */
  export default class XHubSignature {
    constructor(algorithm: string, secret: string);
    sign(body: string): string;
  }
}
