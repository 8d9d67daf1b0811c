/**
 * Stands in for `@aws-sdk/credential-provider-node` in the bundles: Lambda always gives a function the keys of its role
 * in the environment, so SSO, profiles and instance metadata (105 KB of code that talks to the network) can go.
 */

import { fromEnv } from '@aws-sdk/credential-provider-env';

/** @throws CredentialsProviderError when AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set. */
export const defaultProvider = () => fromEnv();
