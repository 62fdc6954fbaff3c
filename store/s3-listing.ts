// Listing and removing what lies in a bucket.
import type { S3Bucket } from './s3-client.ts';
import { S3Error, answerOf } from './s3-errors.ts';

/** A value as a listing shows it. */
export interface ListedValue {
  key: string;
  byteCount: number;
  modifiedMs: number;
}

/** An upload in parts that is not completed. */
export interface OpenUpload {
  key: string;
  id: string;
  begunMs: number;
}

/** Keys that one request may delete. */
const DELETE_COUNT = 1000;

/** All values whose keys start with the prefix. */
export async function listValues({ s3, name }: S3Bucket, prefix: string): Promise<ListedValue[]> {
  const values: ListedValue[] = [];
  for (let token: string | undefined, more = true; more;) {
    const page = { Bucket: name, Prefix: prefix, ...(token === undefined ? {} : { ContinuationToken: token }) };
    const answer = await answerOf(`s3://${name}/${prefix}`, s3.listObjectsV2(page));
    for (const { Key, Size, LastModified } of answer.Contents ?? [])
      values.push({ key: Key!, byteCount: Size ?? 0, modifiedMs: LastModified?.getTime() ?? 0 });
    token = answer.NextContinuationToken;
    more = answer.IsTruncated === true && token !== undefined;
  }
  return values;
}

/** Removes values by their keys. */
export async function removeValues({ s3, name }: S3Bucket, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += DELETE_COUNT) {
    const Objects = keys.slice(start, start + DELETE_COUNT).map((Key) => ({ Key }));
    const place = `s3://${name}/${keys[start]}`;
    const answer = await answerOf(place, s3.deleteObjects({ Bucket: name, Delete: { Objects, Quiet: true } }));
    const failed = answer.Errors?.[0];
    if (failed !== undefined) {
      const code = failed.Code ?? 'Error';
      throw new S3Error(`s3://${name}/${failed.Key}: server must remove it, got ${code}`, code, null);
    }
  }
}

/** Uploads in parts below the prefix that are neither completed nor aborted. */
export async function listUploads({ s3, name }: S3Bucket, prefix: string): Promise<OpenUpload[]> {
  const uploads: OpenUpload[] = [];
  for (let marker = {}, more = true; more;) {
    const request = s3.listMultipartUploads({ Bucket: name, Prefix: prefix, ...marker });
    const answer = await answerOf(`s3://${name}/${prefix}`, request);
    for (const { Key, UploadId, Initiated } of answer.Uploads ?? [])
      uploads.push({ key: Key!, id: UploadId!, begunMs: Initiated?.getTime() ?? 0 });
    marker = { KeyMarker: answer.NextKeyMarker, UploadIdMarker: answer.NextUploadIdMarker };
    more = answer.IsTruncated === true && Boolean(answer.NextKeyMarker);
  }
  return uploads;
}

/** Aborts an upload; nothing happens where it is completed or aborted already. */
export async function abortUpload({ s3, name }: S3Bucket, key: string, id: string): Promise<void> {
  const request = s3.abortMultipartUpload({ Bucket: name, Key: key, UploadId: id });
  await answerOf(`s3://${name}/${key}`, request).catch((error: unknown) => {
    if (!(error instanceof S3Error && error.code === 'NoSuchUpload')) throw error;
  });
}
