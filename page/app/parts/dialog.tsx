// Asking before something cannot be taken back.
import { useEffect, useId, useRef } from 'preact/hooks';

interface ConfirmProps {
  question: string;
  /** What happens, in a sentence. */
  text: string;
  yes: string;
  no: string;
  onYes: () => void;
  onClose: () => void;
}

/** A dialog above the page; Escape and the first button leave all as it is. */
export function Confirm({ question, text, yes, no, onYes, onClose }: ConfirmProps): preact.JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => element.current?.showModal(), []);
  return (
    <dialog ref={element} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{question}</h2>
      <p>{text}</p>
      <p class="buttons">
        <button type="button" autofocus onClick={() => element.current?.close()}>
          {no}
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => {
            onYes();
            element.current?.close();
          }}
        >
          {yes}
        </button>
      </p>
    </dialog>
  );
}
