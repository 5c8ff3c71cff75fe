/* What a choice is worth: by the rubric alone, as the server reckons it. */

export interface Option {
    id: string;
    name: string;
    points: number;
}

export interface RubricCriterion {
    id: string;
    name: string;
    options: Option[];
}

/** criterion → option */
export type Choice = Record<string, string>;

export function optionOf(criterion: RubricCriterion, id: string | null | undefined): Option | undefined {
    return criterion.options.find((option) => option.id === id);
}

export function mostPoints(criterion: RubricCriterion): number {
    return criterion.options.reduce((most, option) => Math.max(most, option.points), 0);
}

export function pointsPossible(rubric: readonly RubricCriterion[]): number {
    return rubric.reduce((sum, criterion) => sum + mostPoints(criterion), 0);
}

/** What is not chosen, or is no option of its criterion, is worth nothing. */
export function pointsEarned(rubric: readonly RubricCriterion[], choice: Choice): number {
    return rubric.reduce((sum, criterion) => sum + (optionOf(criterion, own(choice, criterion.id))?.points ?? 0), 0);
}

/** The criteria of which an option has to be chosen still. */
export function missing(rubric: readonly RubricCriterion[], choice: Choice): RubricCriterion[] {
    return rubric.filter((criterion) => criterion.options.length > 0 && !optionOf(criterion, own(choice, criterion.id)));
}

/** The names of criteria come from authors: "constructor" is one as well. */
function own(choice: Choice, id: string): string | undefined {
    return Object.hasOwn(choice, id) ? choice[id] : undefined;
}
