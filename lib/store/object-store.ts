/** The object store port: what Hitless asks of S3, and of a directory in its place. */

import { LARGEST_OBJECT_BYTES, sizeText } from '../model/limits.ts';
import type { StoreClock } from './store-clock.ts';

export interface StoredObject {
  readonly body: string;
  /** Opaque; equal for equal content at the same key. */
  readonly etag: string;
}

/** A store over a network breaks off what it is about when `signal` aborts, and fails; a directory takes no notice. */
export interface ObjectStore {
  /** Absent: the store has no clock but this machine's. */
  readonly clock?: StoreClock;

  /** The object, or null when there is none. Throws `StoreFailed` when that could not be found out. */
  get(key: string, signal?: AbortSignal): Promise<StoredObject | null>;

  /** Replaces the whole object, atomically for readers. Throws `StoreFailed`. */
  put(key: string, body: string, signal?: AbortSignal): Promise<void>;

  /**
   * Replaces the object only if it still is what the caller read.
   *
   * @param expected the ETag that was read, or null: the object must not exist yet.
   * @returns the new ETag, or `lost-race` when somebody else was faster; then nothing was written.
   * Throws `StoreFailed`; whether the object was written is then unknown.
   */
  putIf(
    key: string,
    body: string,
    expected: string | null,
    signal?: AbortSignal,
  ): Promise<{ readonly etag: string } | 'lost-race'>;

  /**
   * The names of objects and folders directly in a folder of keys, in no order; empty where there is nothing. Absent:
   * the store cannot tell. Throws `StoreFailed`.
   */
  list?(folder: string, signal?: AbortSignal): Promise<readonly string[]>;

  /**
   * Removes folders from `folder` that are numbers and that another one followed more than `days` ago, and those that
   * are more than `keep`, the oldest first; never the one with the highest number, and `most` of them at once. Absent:
   * the store does it by itself, as S3's lifecycle does. Throws `StoreFailed`.
   */
  expire?(
    folder: string,
    options: { readonly days: number; readonly keep: number; readonly most: number },
  ): Promise<void>;

  /**
   * Waits until no other pass of the fleet is at work on this store, and keeps others waiting until the turn ends, or
   * its process does. Who got it reads everything anew: the one before may have changed it.
   *
   * Absent: the store has no turns, and passes of one fleet may overlap.
   *
   * Throws `TurnNotFree`, `StoreFailed`, or the signal's reason.
   */
  takeTurn?(fleet: string, options: TurnOptions): Promise<Turn>;

  /**
   * What keeps this process from reading and writing a fleet's objects; each one a sentence that says what to do, empty
   * when nothing does. Changes nothing. Absent: only trying tells.
   */
  obstacles?(fleet: string): Promise<readonly string[]>;
}

export interface TurnOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told once, after a moment of waiting: for whom, in words. */
  readonly onWaiting: (holder: string) => void;
}

export interface Turn {
  readonly end: () => Promise<void>;
}

/** Another pass of the fleet did not end in time; nothing was done. Trying again later can help. */
export class TurnNotFree extends Error {
  override readonly name = 'TurnNotFree';
  readonly code = 'STORE_TURN_NOT_FREE';
}

/** No object of Hitless is as large, whoever wrote it; it is not read. The cause of a `StoreFailed`. */
export class ObjectTooLarge extends Error {
  override readonly name = 'ObjectTooLarge';
  readonly code = 'STORE_OBJECT_TOO_LARGE';

  constructor() {
    super(`it has more than ${sizeText(LARGEST_OBJECT_BYTES)}, which Hitless never writes`);
  }
}

/** The store could not be asked, or answered something unexpected. Trying again later can help. */
export class StoreFailed extends Error {
  override readonly name = 'StoreFailed';
  readonly code = 'STORE_FAILED';
  readonly operation: 'get' | 'put';
  /** With the bucket or folder, as a person would look for it. */
  readonly location: string;

  constructor(operation: 'get' | 'put', location: string, cause: unknown) {
    super(`cannot ${operation} ${location}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.operation = operation;
    this.location = location;
  }
}
