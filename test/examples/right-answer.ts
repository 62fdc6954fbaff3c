import type { DigitsContent, PictureContent, SceneContent } from '../../examples/demo/pictures.ts';
import { COLORS, GARMENTS, PLACES, SHAPES } from '../../examples/demo/words.ts';

/**
 * The right answer to a question about a picture, found from the question's words and the picture's content alone: a
 * second way to the answers, which shares nothing with the code that draws them.
 */
export function rightAnswer(question: string, content: PictureContent): string {
  if (content.kind === 'garments') return garmentAnswer(question, content.garments);
  return content.kind === 'digits' ? digitAnswer(question, content) : sceneAnswer(question, content);
}

function garmentAnswer(question: string, [first, second]: readonly string[]): string {
  if (question.startsWith('Is this a')) return /Is this a (.*)\?/.exec(question)![1] === first ? 'yes' : 'no';
  if (question.startsWith('I think')) {
    return /I think it is a (.*)\./.exec(question)![1] === first ? 'yes, you are right.' : `no, it is a ${first}.`;
  }
  if (question.startsWith('Which one is it?')) return letterOf(question, first!);
  if (question.startsWith('Options:')) return `${letterOf(question, first!)}. ${first}`;
  if (question.includes('on the left')) return first!;
  if (question.includes('on the right')) return second!;
  if (second !== undefined) return `A ${first} on the left and a ${second} on the right.`;
  return first!; // or a caption around it
}

function digitAnswer(question: string, { digits }: DigitsContent): string {
  if (question.includes('sum')) return String(digits[0]! + digits[1]!);
  if (question.startsWith('Is the digit')) return question === `Is the digit ${digits[0]!}?` ? 'yes' : 'no';
  if (question.startsWith('Choose')) return letterOf(question, String(digits[0]!));
  const place = /the (first|second|third) digit/.exec(question);
  if (place) return String(digits[{ first: 0, second: 1, third: 2 }[place[1] as 'first']]!);
  if (/caption|briefly/.test(question)) return `The digit${digits.length > 1 ? 's' : ''} ${digits.join(' and ')}.`;
  return digits.map(String).join('');
}

function sceneAnswer(question: string, { shapes }: SceneContent): string {
  const words = question.replace('crosses', 'cross').split(/[^a-z]+/);
  const color = COLORS.find((word) => words.includes(word));
  const shape = SHAPES.find((word) => words.includes(word) || words.includes(`${word}s`));
  const place = PLACES.find((words) => question.includes(words));
  const found = shapes.filter(
    (item) =>
      (color === undefined || item.color === color) &&
      (shape === undefined || item.shape === shape) &&
      (place === undefined || PLACES[item.cell] === place),
  );
  const [item] = found;
  if (question.startsWith('Choose')) {
    return letterOf(question, /circle|square|triangle|cross|star/.test(question) ? shapes[0]!.shape : shapes[0]!.color);
  }
  if (question.startsWith('How many')) return String(found.length);
  if (question.startsWith('What color')) return item!.color;
  if (question.startsWith('Which shape')) return item!.shape;
  if (question.startsWith('Where')) return PLACES[item!.cell]!;
  if (question.startsWith('Is there')) return item ? 'yes' : 'no';
  if (question.startsWith('What is at')) return item ? `${item.color} ${item.shape}` : 'nothing';
  if (question.startsWith('Count each')) return tally(shapes, question.includes('color') ? 'color' : 'shape');
  if (question.startsWith('Tell me')) {
    const where = `at the ${PLACES[item!.cell]!}.`;
    return color ? `It is a ${item!.shape} ${where}` : `It is ${item!.color} and ${where}`;
  }
  if (question.startsWith('List')) {
    const ordered = [...shapes].sort((a, b) => a.cell - b.cell);
    return `${ordered.map((each) => `${PLACES[each.cell]!} ${each.color} ${each.shape}`).join(', ')}.`;
  }
  const fromLeft = [...shapes].sort((a, b) => (a.cell % 2) - (b.cell % 2));
  return fromLeft.map((each) => `a ${each.color} ${each.shape}`).join(' and ');
}

function tally(shapes: SceneContent['shapes'], key: 'color' | 'shape'): string {
  const words: readonly string[] = key === 'color' ? COLORS : SHAPES;
  const parts = words.map((word) => [word, shapes.filter((item) => item[key] === word).length] as const);
  return `${parts.flatMap(([word, count]) => (count > 0 ? [`${word} ${count}`] : [])).join(', ')}.`;
}

function letterOf(question: string, option: string): string {
  const line = question.split('\n').find((text) => text.slice(3) === option);
  return line?.[0] ?? 'no such option';
}

/** Whether a caption names exactly one garment, and this one. */
export function namesGarment(caption: string, garment: string): boolean {
  const named = GARMENTS.filter((word) => new RegExp(`(^|[ .])${word}($|[ .])`).test(caption));
  return named.length === 1 && named[0] === garment;
}
