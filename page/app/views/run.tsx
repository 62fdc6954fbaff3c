// One run, as it stands.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RunView as Run, Said } from '../../api.ts';
import { count, duration } from '../../../report/format.ts';
import { apiPath, post, sentenceOf } from '../data/ask.ts';
import { problem, refresh, run, session } from '../data/live.ts';
import { linkTo } from '../logic/route.ts';
import { leftWords, paceWords, shareWords, stageCounts, stageShare } from '../logic/words.ts';
import { PairedBars } from '../parts/bars.tsx';
import { Confirm } from '../parts/dialog.tsx';
import { RunHead } from '../parts/run-head.tsx';
import { SortedTable } from '../parts/sorted-table.tsx';
import { Awaited, Facts, Nothing, Wrong, said } from '../parts/words.tsx';
import { CurvesSection } from './curves.tsx';
import { LogSection } from './log.tsx';

const MARKS = { waiting: '·', running: '▶', done: '✔', cached: '✔', skipped: '–', failed: '✖' } as const;

type Deed = 'pause' | 'resume' | 'approve' | 'cancel';

/** Stages, what is to be done, curves, log. */
export function RunView({ runName }: { runName: string }): preact.JSX.Element {
  const known = run.value;
  if (known === null)
    return (
      <>
        <RunHead runName={runName} view="run" />
        <Wrong text={problem.value} />
        {problem.value === null ? (
          <Awaited what="the run" />
        ) : (
          <Nothing text="All runs are told by:" command="tive runs" />
        )}
      </>
    );
  return (
    <>
      <RunHead runName={runName} view="run" />
      <Verdict known={known} />
      <Deeds known={known} />
      <section aria-labelledby="stages">
        <h2 id="stages">Stages</h2>
        {known.secondsLeft === null ? null : <p class="lead">The run has {leftWords(known.secondsLeft)}.</p>}
        <Stages known={known} />
      </section>
      <Remarks known={known} />
      <CurvesSection curves={known.curves} />
      <LogSection
        runName={runName}
        stages={known.stages.map(({ stage }) => stage)}
        isAtWork={known.state === 'running'}
      />
      <section aria-labelledby="recipe">
        <h2 id="recipe">Recipe</h2>
        <details>
          <summary>What the run was told</summary>
          <pre tabIndex={0} aria-label="recipe">
            {said(known.recipe)}
          </pre>
        </details>
      </section>
    </>
  );
}

function Verdict({ known }: { known: Run }): preact.JSX.Element {
  const [first, ...rest] = known.verdictLines;
  const selected =
    known.selectedCount === null ? count(known.rowCount) : `${count(known.selectedCount)} of ${count(known.rowCount)}`;
  return (
    <>
      {known.reason === null ? null : <Wrong text={known.reason} />}
      {first === undefined ? null : <p class="verdict">{said(first)}</p>}
      {rest.length === 0 ? null : (
        <ul class="remarks">
          {rest.map((line) => (
            <li key={line}>{said(line)}</li>
          ))}
        </ul>
      )}
      <Facts
        facts={[
          ['dataset', said(known.dataset ?? '')],
          ['method', known.method ?? ''],
          ['rows', known.rowCount === null ? '' : selected],
        ]}
      />
    </>
  );
}

function Deeds({ known }: { known: Run }): preact.JSX.Element {
  const [told, setTold] = useState<{ said: Said | null; wrong: string | null }>({ said: null, wrong: null });
  const [isBusy, setBusy] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const status = useRef<HTMLParagraphElement>(null);
  // What was pressed may be gone: who goes by keys is not sent back to the top.
  useEffect(() => {
    if (told.said !== null && document.activeElement === document.body) status.current?.focus({ preventScroll: true });
  }, [told, known.state, known.awaitedQuotas === null]);
  const act = (deed: Deed): void => {
    if (isBusy) return;
    setBusy(true);
    void post<Said>(apiPath('runs', known.runName, deed), {})
      .then(
        (answer) => setTold({ said: answer, wrong: null }),
        (error: unknown) => setTold({ said: null, wrong: sentenceOf(error) }),
      )
      .then(() => refresh(known.runName))
      .finally(() => setBusy(false));
  };
  const isAtWork = known.state === 'running' || known.state === 'waiting' || known.state === 'away';
  const isLocked = session.value?.isReadOnly !== false;
  return (
    <>
      <div class="buttons" role="group" aria-label="what to do">
        {isAtWork ? (
          <button
            type="button"
            class={known.isPaused ? 'main' : ''}
            disabled={isLocked}
            aria-disabled={isBusy}
            onClick={() => act(known.isPaused ? 'resume' : 'pause')}
          >
            {known.isPaused ? 'Resume' : 'Pause'}
          </button>
        ) : null}
        {isAtWork ? (
          <button type="button" class="danger" disabled={isLocked} onClick={() => setAsking(true)}>
            Cancel the run …
          </button>
        ) : null}
        {known.hasReport ? (
          <a class="button" href={apiPath('runs', known.runName, 'report')} target="_blank" rel="noopener">
            Report
          </a>
        ) : null}
        {known.temporalUrl === null || !/^https?:\/\//.test(known.temporalUrl) ? null : (
          <a class="button" href={known.temporalUrl} target="_blank" rel="noopener noreferrer">
            Temporal
          </a>
        )}
        <a class="button" href={linkTo({ view: 'rows', runName: known.runName })}>
          Look at its rows
        </a>
      </div>
      {isAtWork && session.value?.isReadOnly ? (
        <p class="hint">This page only shows: it was started read-only.</p>
      ) : null}
      <p ref={status} role="status" class="told" tabIndex={-1}>
        {told.said === null ? '' : `${said(told.said.message)} `}
        {told.said === null ? null : <code>{said(told.said.command)}</code>}
      </p>
      <Wrong text={told.wrong} />
      <Quotas known={known} isLocked={isLocked} approve={() => act('approve')} />
      {isAsking ? (
        <Confirm
          question={`Cancel ${known.runName}?`}
          text="The run stops at its next checkpoint. What it has done is kept, and the same recipe goes on from there."
          yes="Cancel the run"
          no="Let it go on"
          onYes={() => act('cancel')}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </>
  );
}

interface QuotasProps {
  known: Run;
  isLocked: boolean;
  approve: () => void;
}

function Quotas({ known: { awaitedQuotas: quotas }, isLocked, approve }: QuotasProps): preact.JSX.Element | null {
  if (quotas === null) return null;
  const total = quotas.reduce((sum, { quota }) => sum + quota, 0);
  const byQuota = [...quotas].sort((left, right) => right.quota - left.quota);
  return (
    <section class="notices" aria-labelledby="quotas">
      <h2 id="quotas">The quotas wait for you</h2>
      <p>
        {count(total)} rows over {quotas.length} tasks. The rows are drawn once somebody approves.
      </p>
      <PairedBars
        finding="Rows of each task: as many for all, and as the values share them out"
        pairs={byQuota.map(({ task, quota, equalQuota }) => ({ name: task, before: equalQuota, after: quota }))}
        before="equal shares"
        after="quota"
        write={count}
      />
      <SortedTable
        caption="Quotas"
        lines={byQuota}
        keyOf={({ task }) => task}
        most={12}
        columns={[
          { heading: 'Task', isName: true, cell: ({ task }) => said(task), sortBy: ({ task }) => task },
          { heading: 'Rows', isNumber: true, cell: ({ rows }) => count(rows), sortBy: ({ rows }) => rows },
          { heading: 'Quota', isNumber: true, cell: ({ quota }) => count(quota), sortBy: ({ quota }) => quota },
          {
            heading: 'Equal',
            isNumber: true,
            cell: ({ equalQuota }) => count(equalQuota),
            sortBy: ({ equalQuota }) => equalQuota,
          },
        ]}
      />
      <p class="buttons">
        <button type="button" class="main" disabled={isLocked} onClick={approve}>
          Approve the quotas
        </button>
      </p>
    </section>
  );
}

function Stages({ known }: { known: Run }): preact.JSX.Element {
  return (
    <ol class="stages">
      {known.stages.map((stage) => {
        const isHeld =
          stage.state === 'running' &&
          (known.isPaused || (known.awaitedQuotas !== null && stage.stage === 'allocation'));
        const work = known.atWork.find((one) => one.stage === stage.stage);
        const share = work?.share ?? stageShare(stage);
        const counts = stage.state === 'running' ? stageCounts(stage, work) : '';
        const pace = work === undefined || isHeld ? '' : paceWords(work);
        return (
          <li key={stage.stage} class={`stage-${stage.state}`}>
            <span class="mark" aria-hidden="true">
              {isHeld ? '‖' : MARKS[stage.state]}
            </span>
            <span class="stage-name">{stage.stage}</span>
            <span class="stage-bar">
              {stage.state === 'running' ? (
                <progress
                  max={1}
                  {...(share === null ? {} : { value: share })}
                  aria-label={`${stage.stage}, share done`}
                />
              ) : null}
            </span>
            <span class="stage-words">
              <span class="stage-state">{isHeld ? 'held' : stage.state}</span>
              {stage.state === 'running' && share !== null ? ` ${shareWords(share)}` : ''}
              {counts === '' ? '' : `, ${counts}`}
              {stage.detail === '' ? '' : ` ${said(stage.detail.replaceAll(/ {2,}/g, ' · '))}`}
              {pace === '' ? null : <span class="stage-pace">{pace}</span>}
            </span>
            <span class="stage-time quiet">
              {stage.durationMs === null || stage.state === 'cached' ? '' : duration(stage.durationMs)}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function Remarks({ known: { warnings, notes } }: { known: Run }): preact.JSX.Element {
  const list = (title: string, lines: string[], kind: string): preact.JSX.Element | null =>
    lines.length === 0 ? null : (
      <section class={kind} aria-label={title}>
        <h2>{title}</h2>
        <ul>
          {lines.map((line) => (
            <li key={line}>{said(line)}</li>
          ))}
        </ul>
      </section>
    );
  return (
    <>
      {list('Warnings', warnings, 'notices')}
      {list('Notes', notes, 'notes')}
    </>
  );
}
